from dockrev.replacement.kept_image import unneeded_tags


def test_a_tag_is_needed_by_an_unfinished_job_or_by_a_service_that_was_left_changed() -> None:
    running, ended = "dockrev/rollback:job_1-svc_a", "dockrev/rollback:job_2-svc_a"
    kept, orphan = "dockrev/rollback:svc_a", "dockrev/rollback:svc_gone"

    assert unneeded_tags([running, ended, kept, orphan], {"job_1"}, {"svc_a"}) == [ended, orphan]
