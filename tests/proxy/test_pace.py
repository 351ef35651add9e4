"""How often a key may do what costs nothing."""

from proxy.pace import Pace


def test_a_key_waits_until_the_next_minute() -> None:
    pace = Pace(most=2)

    assert [pace.wait(1, now=61.0), pace.wait(1, now=62.0), pace.wait(1, now=90.0)] == [0.0, 0.0, 30.0]
    assert pace.wait(1, now=120.0) == 0.0


def test_keys_do_not_take_each_others_room() -> None:
    pace = Pace(most=1)

    assert [pace.wait(1, now=1.0), pace.wait(2, now=1.0)] == [0.0, 0.0]
    assert pace.wait(1, now=2.0) == 58.0
