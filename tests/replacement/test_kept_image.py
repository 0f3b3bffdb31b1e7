from dockrev.replacement.kept_image import unneeded_tags


def test_a_tag_stays_for_an_unfinished_job_and_for_a_service_that_was_left_changed() -> None:
    running, ended = "dockrev/rollback:job_1-svc_a", "dockrev/rollback:job_2-svc_a"
    kept, orphan = "dockrev/rollback:svc_a", "dockrev/rollback:svc_gone"

    assert unneeded_tags([running, ended, kept, orphan], {"job_1"}, {"svc_a"}) == [ended, orphan]
