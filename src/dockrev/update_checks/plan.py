"""Decides what a check asks, and reports what the answers mean. No I/O."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from dockrev.images.models import TagState
from dockrev.images.resolve import TagQuestion
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.stacks.models import Service
from dockrev.stacks.update_state import NotCheckedReason, RegistryFacts, evaluate, question_of
from dockrev.update_checks.models import (
    CheckPlan,
    CheckReport,
    Deferral,
    NewVersion,
    PlannedQuestion,
    Unanswered,
)


def plan_check(selected: Iterable[Service], every: Iterable[Service], knowledge: RegistryFacts) -> CheckPlan:
    """Plans one question for each image, however many services use it.

    `every`: all services of all hosts. When all of them run a digest already, the check does not read its
    manifest.
    """
    waiting: defaultdict[tuple[ImageRef, str], list[Service]] = defaultdict(list)
    unasked = []
    for service in selected:
        asked = question_of(service)
        if isinstance(asked, NotCheckedReason):
            unasked.append(service)
        else:
            waiting[asked].append(service)
    running = _running(every)
    questions = tuple(
        PlannedQuestion(_question(ref, tag, knowledge, running[(ref.repository, tag)]), tuple(services))
        for (ref, tag), services in waiting.items()
    )
    return CheckPlan(questions, tuple(unasked), frozenset(running))


def _question(
    ref: ImageRef, tag: str, knowledge: RegistryFacts, running: Sequence[frozenset[str]]
) -> TagQuestion:
    before = knowledge.tags.get((ref.repository, tag)) or TagState(ref.repository, tag)
    return TagQuestion(ref, tag, tuple(running), before)


def _running(every: Iterable[Service]) -> defaultdict[tuple[str, str], list[frozenset[str]]]:
    """Returns the digests of each image that runs under a tag, by repository and tag."""
    running: defaultdict[tuple[str, str], list[frozenset[str]]] = defaultdict(list)
    for service in every:
        asked = question_of(service)
        if not isinstance(asked, NotCheckedReason):
            ref, tag = asked
            running[(ref.repository, tag)] += [
                frozenset(image.digests) for image in service.runtime.images if image.digests
            ]
    return running


def report_check(
    plan: CheckPlan, before: RegistryFacts, after: RegistryFacts, platforms: Mapping[str, Platform]
) -> CheckReport:
    """`platforms`: the platform of each host, by the id of the host."""
    asked = [service for planned in plan.questions for service in planned.services]
    unanswered = [
        Unanswered(service, error)
        for planned in plan.questions
        if (state := after.tags.get(planned.question.key)) and (error := state.error)
        for service in planned.services
    ]
    evaluated = [(service, evaluate(service, after, platforms[service.host_id])) for service in plan.unasked]
    invalid = [Unanswered(service, state.check_error) for service, state in evaluated if state.check_error]
    deferred = tuple(each for each in unanswered if each.error.deferred)
    return CheckReport(
        platforms=tuple(dict.fromkeys(platforms.values())),
        services=plan.services,
        checked=len(asked),
        skipped=len(plan.unasked) - len(invalid),
        with_candidate=sum(
            evaluate(service, after, platforms[service.host_id]).candidate is not None for service in asked
        ),
        new_versions=tuple(_new_versions(asked, before, after, platforms)),
        failed=(*invalid, *(each for each in unanswered if not each.error.deferred)),
        deferred=deferred,
        deferrals=_deferrals(deferred),
    )


def _new_versions(
    asked: Iterable[Service],
    before: RegistryFacts,
    after: RegistryFacts,
    platforms: Mapping[str, Platform],
) -> Iterable[NewVersion]:
    for service in asked:
        platform = platforms[service.host_id]
        state, earlier = evaluate(service, after, platform), evaluate(service, before, platform).candidate
        candidate = state.candidate
        if candidate and (earlier is None or earlier.digest != candidate.digest):
            yield NewVersion(service, state.tag, state.digest, candidate)


def _deferrals(deferred: Iterable[Unanswered]) -> tuple[Deferral, ...]:
    grouped: defaultdict[str, list[Unanswered]] = defaultdict(list)
    for each in deferred:
        grouped[ImageRef.parse(each.service.image_ref or "").registry].append(each)
    return tuple(
        Deferral(registry, max(each.error.retry_at for each in group if each.error.retry_at), len(group))
        for registry, group in sorted(grouped.items())
    )
