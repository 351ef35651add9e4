"""A provider whose first tokens are too late for too long is drained: tried last, until it is fast again.

Pure.
"""

from collections.abc import Sequence

import msgspec

from proxy.reliability.breakers.counts import Counts, Pace, Policy, pace_added, pace_within
from proxy.reliability.breakers.reports import Report


def counted(counts: Counts, policy: Policy, report: Report, now: float) -> Counts:
    pace = pace_within(pace_added(counts.pace, report.pace), policy, now)
    fast = report.fast if report.late else counts.fast + report.fast
    return msgspec.structs.replace(counts, pace=pace, fast=fast)


def is_too_slow(pace: Sequence[Pace], policy: Policy, now: float) -> bool:
    """Whether the p99 was over the threshold in every slice with streams, for all of ``slow_for``."""
    kept = pace_within(pace, policy, now)
    lasting = bool(kept) and kept[0].first <= now - policy.slow_for
    return lasting and all(one.is_late for one in kept) and sum(one.timed for one in kept) >= policy.min_calls


def is_fast_again(counts: Counts, policy: Policy, report: Report) -> bool:
    """The call that was let there to see was fast, or enough of those that had nowhere else to go were."""
    return report.trial is True or counts.fast >= policy.min_calls


def may_try(counts: Counts, policy: Policy, *, drained_since: float, now: float) -> bool:
    """Whether it is time to let one call go there first."""
    return now - max(drained_since, counts.tried) >= policy.cooldown


def evidence(counts: Counts, policy: Policy) -> dict[str, object]:
    """Of a drain or a return: how many streams began how late."""
    return {
        "threshold_seconds": policy.slow_p99,
        "streams": sum(one.timed for one in counts.pace),
        "late": sum(one.late for one in counts.pace),
        "fast_in_a_row": counts.fast,
    }


__all__ = ["counted", "evidence", "is_fast_again", "is_too_slow", "may_try"]
