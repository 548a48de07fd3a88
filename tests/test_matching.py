"""Step 4: what a rule says of a lead as keys, and the lead that is found by them."""

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, insert

from gateway import MatchRule
from gateway.matching import BadRule, Match, digest, find_match, keys_of
from gateway.matching.finding import MOST_CANDIDATES, NAMED_CANDIDATES, PAGE
from gateway.matching.keys import MOST_KEYS
from gateway.models import MatchKey
from gateway.testing import Gateway

Lead = Mapping[str, Any]


def accept(new: Lead, old: Lead) -> bool:
    return True


def reject(new: Lead, old: Lead) -> bool:
    return False


def same_size(new: Lead, old: Lead) -> bool:
    return bool(new["size"] == old["size"])


def gives(name: str, *keys: Any, **options: Any) -> MatchRule:
    """Return a rule that gives these keys for every lead."""
    return MatchRule(name, lambda lead: keys, **options)


def by_field(name: str, **options: Any) -> MatchRule:
    """Return a rule whose key is the field that is called like it."""
    return MatchRule(name, lambda lead: [lead[name]] if lead.get(name) else [], **options)


# --- keys


def test_digest_is_of_one_length_and_holds_the_rule() -> None:
    assert {len(digest("a", key)) for key in ("", "x", "x" * 10_000, "日本", "\ud800")} == {16}
    assert digest("a", "x") != digest("b", "x")
    assert digest("ab", "c") != digest("a", "bc")


def test_keys_name_their_rule() -> None:
    rules = [by_field("color"), by_field("shape")]
    assert keys_of({"color": "red", "shape": "red"}, rules) == {
        digest("color", "red"): "color",
        digest("shape", "red"): "shape",
    }


def test_missing_part_and_no_rules_give_no_keys() -> None:
    assert keys_of({}, [by_field("color")]) == {}
    assert keys_of({"color": "red"}, []) == {}


def test_same_key_twice_is_one() -> None:
    assert keys_of({}, [gives("twice", "x", "x")]) == {digest("twice", "x"): "twice"}


@pytest.mark.parametrize("key", [None, 7, b"x", ["x"], ("a", "b")])
def test_key_that_is_no_text_is_a_fault_of_its_rule(key: Any) -> None:
    with pytest.raises(BadRule, match=f"rule odd gave {type(key).__name__} as a key"):
        keys_of({}, [gives("odd", "fine", key)])


@pytest.mark.parametrize("answer", ["5035550123", b"x", None, 7])
def test_rule_that_gives_no_list_is_a_fault_of_its_rule(answer: Any) -> None:
    rule: MatchRule = MatchRule("odd", lambda lead: answer)
    with pytest.raises(BadRule, match=f"rule odd gave {type(answer).__name__}, not a list"):
        keys_of({}, [rule])


def test_what_a_rule_raises_is_a_fault_that_names_it_and_its_plugin() -> None:
    def broken(lead: Lead) -> Iterator[str]:
        yield "x"
        raise ZeroDivisionError

    said = f"^rule broken of plugin {__name__} raised ZeroDivisionError$"
    with pytest.raises(BadRule, match=said) as raised:
        keys_of({}, [MatchRule("broken", broken)])
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("numbers", [range(10_000), itertools.count()])
def test_of_too_many_keys_the_first_count_and_the_log_says_so(
    numbers: Iterable[int], caplog: pytest.LogCaptureFixture
) -> None:
    rule = MatchRule("many", lambda lead: map(str, numbers))
    with caplog.at_level(logging.WARNING, "gateway.matching"):
        found = keys_of({}, [rule])
    assert found == {digest("many", str(n)): "many" for n in range(MOST_KEYS)}
    assert caplog.messages == [f"rule=many gave more than {MOST_KEYS} keys for one lead"]


def test_just_as_many_keys_as_count_are_no_news(caplog: pytest.LogCaptureFixture) -> None:
    assert len(keys_of({}, [gives("some", *map(str, range(MOST_KEYS)))])) == MOST_KEYS
    assert caplog.messages == []


# --- the lead


class Store:
    """An empty table of keys, and the stored leads that candidates are read from."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.leads: dict[int, Lead] = {}
        self.statements = 0
        self.read: list[int] = []

    def add(self, rule: str, key: str, lead_ids: Iterable[int]) -> None:
        rows = [
            {"digest": digest(rule, key), "lead_id": each, "rule": rule, "version": 1}
            for each in lead_ids
        ]
        with self.engine.begin() as connection:
            connection.execute(insert(MatchKey.__table__), rows)

    def find(self, new: Lead, *rules: MatchRule) -> Match:
        with self.engine.connect() as connection:
            event.listen(connection, "before_cursor_execute", self._count)
            return find_match(connection, new, rules, read=self._read)

    def _read(self, lead_ids: Sequence[int]) -> Mapping[int, Lead]:
        self.read.extend(lead_ids)
        return {each: self.leads[each] for each in lead_ids if each in self.leads}

    def _count(self, connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        self.statements += statement.startswith("SELECT")


@pytest.fixture
def store(make_gateway: Callable[..., Gateway]) -> Store:
    return Store(make_gateway(logins=[]).system.engine)


def test_lead_with_the_key_is_found(store: Store) -> None:
    store.add("color", "red", [5])
    found = store.find({"color": "red"}, by_field("color"), by_field("shape"))
    assert found == Match(
        lead_id=5,
        rule="color",
        asked=("color", "shape"),
        present=("color",),
        digests=frozenset({digest("color", "red")}),
    )


def test_no_lead_has_the_key(store: Store) -> None:
    store.add("color", "red", [5])
    found = store.find({"color": "blue"}, by_field("color"))
    assert (found.lead_id, found.rule, found.present) == (None, None, ("color",))


def test_post_without_any_part_asks_the_database_nothing(store: Store) -> None:
    found = store.find({}, by_field("color"), by_field("shape"))
    assert found == Match(asked=("color", "shape"))
    assert store.statements == 0


def test_lowest_id_wins_and_the_others_are_named_in_order(store: Store) -> None:
    store.add("color", "red", [9, 4])
    store.add("shape", "cube", [7, 2, 9])
    found = store.find({"color": "red", "shape": "cube"}, by_field("color"), by_field("shape"))
    assert (found.lead_id, found.rule, found.others) == (2, "shape", (4, 7, 9))


def test_of_two_rules_that_find_the_lead_the_first_is_named(store: Store) -> None:
    store.add("color", "red", [4])
    store.add("shape", "cube", [4])
    post = {"color": "red", "shape": "cube"}
    assert store.find(post, by_field("shape"), by_field("color")).rule == "shape"
    assert store.find(post, by_field("color"), by_field("shape")).rule == "color"


def test_only_so_many_others_are_named(store: Store) -> None:
    store.add("color", "red", range(1, 2 * PAGE))
    found = store.find({"color": "red"}, by_field("color"))
    assert found.others == tuple(range(2, NAMED_CANDIDATES + 2))


def test_equal_keys_of_two_rules_do_not_meet(store: Store) -> None:
    store.add("color", "orange", [4])
    assert store.find({"fruit": "orange"}, by_field("fruit")).lead_id is None
    store.add("fruit", "orange", [8])
    found = store.find({"fruit": "orange", "color": "none"}, by_field("color"), by_field("fruit"))
    assert (found.lead_id, found.rule, found.others) == (8, "fruit", ())


def test_any_of_several_keys_of_a_rule_is_enough(store: Store) -> None:
    store.add("many", "7", [4])
    assert store.find({}, gives("many", *map(str, range(10_000)))).lead_id == 4


def test_many_rules_with_many_keys_are_looked_up(store: Store) -> None:
    keys = [str(n) for n in range(MOST_KEYS)]
    rules = [gives(f"rule_{n}", *keys) for n in range(12)]
    store.add("rule_11", keys[-1], [4])
    found = store.find({}, *rules)
    assert (found.lead_id, found.rule, len(found.digests)) == (4, "rule_11", 12 * MOST_KEYS)


def test_candidate_that_is_rejected_is_passed_over(store: Store) -> None:
    store.add("color", "red", [1, 2, 3, 4])
    store.leads = {1: {"size": 1}, 2: {"size": 2}, 3: {"size": 1}, 4: {"size": 2}}
    found = store.find({"color": "red", "size": 2}, by_field("color", confirm=same_size))
    assert (found.lead_id, found.others) == (2, (4,))
    none = store.find({"color": "red", "size": 3}, by_field("color", confirm=same_size))
    assert (none.lead_id, none.present) == (None, ("color",))


def test_lead_that_one_rule_rejects_may_be_taken_by_another(store: Store) -> None:
    store.leads = {4: {}}
    store.add("color", "red", [4])
    store.add("shape", "cube", [4])
    post = {"color": "red", "shape": "cube"}
    found = store.find(post, by_field("color", confirm=reject), by_field("shape", confirm=accept))
    assert (found.lead_id, found.rule) == (4, "shape")


def test_key_without_its_lead_is_no_match(store: Store) -> None:
    store.add("color", "red", [4])
    assert store.find({"color": "red"}, by_field("color", confirm=accept)).lead_id is None


def test_leads_are_read_only_where_equal_keys_are_not_enough(store: Store) -> None:
    store.leads = {6: {}}
    store.add("color", "red", [4])
    store.add("shape", "cube", [6])
    post = {"color": "red", "shape": "cube"}
    store.find(post, by_field("color"), by_field("shape", confirm=accept))
    assert store.read == [6]


@pytest.mark.parametrize("place", [PAGE, PAGE + 1, 2 * PAGE + 5, MOST_CANDIDATES])
def test_candidate_of_a_later_page_is_found(store: Store, place: int) -> None:
    ids = range(1, MOST_CANDIDATES + 50)
    store.add("color", "red", ids)
    store.leads = {each: {"size": int(each >= place)} for each in ids}
    found = store.find({"color": "red", "size": 1}, by_field("color", confirm=same_size))
    assert found.lead_id == place
    assert len(store.read) <= place + PAGE


@pytest.mark.parametrize("count", [1_500, 10_000])
def test_after_a_thousand_candidates_only_the_newest_are_looked_at(
    store: Store, count: int
) -> None:
    ids, newest = range(1, count + 1), list(range(count - PAGE + 1, count + 1))
    store.add("color", "red", ids)
    store.leads = {each: {"size": int(MOST_CANDIDATES < each < newest[0])} for each in ids}
    post, rule = {"color": "red", "size": 1}, by_field("color", confirm=same_size)
    found = store.find(post, rule)
    assert (found.lead_id, found.cut_off) == (None, True)
    assert store.read == [*range(1, MOST_CANDIDATES + 1), *newest]
    assert store.statements == MOST_CANDIDATES // PAGE + 2
    store.leads[newest[-2]] = store.leads[newest[-1]] = {"size": 1}
    found = store.find(post, rule)
    assert (found.lead_id, found.others, found.cut_off) == (newest[-2], (newest[-1],), True)


def test_just_as_many_candidates_as_are_looked_at_are_not_cut_off(store: Store) -> None:
    ids = range(1, MOST_CANDIDATES + 1)
    store.add("color", "red", ids)
    store.leads = {each: {"size": 0} for each in ids}
    found = store.find({"color": "red", "size": 1}, by_field("color", confirm=same_size))
    assert (found.lead_id, found.cut_off, len(store.read)) == (None, False, MOST_CANDIDATES)


def test_ten_thousand_leads_of_one_key_cost_one_look_up(store: Store) -> None:
    store.add("color", "red", range(1, 10_001))
    assert store.find({"color": "red"}, by_field("color")).lead_id == 1
    assert store.statements == 1


def test_lead_behind_a_full_page_comes_before_one_of_another_key(store: Store) -> None:
    """The pages of two keys end at two ids; a lead of the next page may be the lower one."""
    store.add("color", "red", [*range(1, PAGE + 1), PAGE + 5])
    store.add("shape", "cube", [PAGE + 9])
    store.leads = {each: {"size": int(each > PAGE)} for each in range(1, PAGE + 10)}
    found = store.find(
        {"color": "red", "shape": "cube", "size": 1},
        by_field("color", confirm=same_size),
        by_field("shape", confirm=same_size),
    )
    assert (found.lead_id, found.rule, found.others) == (PAGE + 5, "color", (PAGE + 9,))
