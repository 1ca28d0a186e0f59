"""The table of options is one that a parser, a shell and a reader can use."""

from __future__ import annotations

from collections import Counter

from jobbag.options.table import GROUPS, OPTIONS, PROPERTIES

ALL = [option for _, options in GROUPS for option in options]


def test_no_spelling_means_two_things() -> None:
    spellings = Counter(flag for option in ALL for flag in option.flags)
    assert [flag for flag, count in spellings.items() if count > 1] == []


def test_each_key_of_the_properties_file_sets_one_option() -> None:
    keys = [option.key for option in OPTIONS if option.key is not None]
    assert len(set(keys)) == len(keys)
    assert {key: PROPERTIES[key] for key in keys} == {option.key: option.long for option in OPTIONS if option.key}
    assert PROPERTIES["endpoint"] == "--endpoint", "the manual's own name for it"


def test_an_option_has_a_long_spelling_after_which_its_value_is_named() -> None:
    assert {option.long for option in ALL if not option.dest.isidentifier()} == set()
    assert [option.long for option in ALL] == [f"--{option.dest.replace('_', '-')}" for option in ALL]


def test_an_explanation_is_whole_sentences() -> None:
    begun = {option.long for option in ALL if option.help[0].isupper()}
    begun |= {option.long for option in ALL if option.help.split()[0] in ("debug", "auto:")}
    assert begun == {option.long for option in ALL if option.help.endswith(".")} == {option.long for option in ALL}


def test_only_what_has_a_value_has_a_choice_of_values() -> None:
    switches = [option for option in ALL if option.metavar is None]
    found = {option.long: (option.choices, option.takes, option.optional, option.several) for option in switches}
    assert found == {option.long: ((), "text", False, False) for option in switches}
