"""Fields are described by the text under them, in every schema and help, though no class reads it when it is made."""

import gc
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from pydantic import Field, TypeAdapter, create_model

from freehold.core import described
from freehold.core.described import Described, description


class Above(Described):
    """Something."""

    first: int
    """The first."""
    second: int = Field(default=1, alias="second-one")
    """The second,
    at length."""
    said: int = Field(default=1, description="As it says.")
    """Not this."""
    bare: int = 1


class Below(Above):
    """Something more."""

    bare: int = 2
    """Described below."""
    inner: Above | None = None
    """Another."""

    class Within(Described):
        """Inside."""

        own: str
        """Its own."""


def properties(model):
    return {name: one.get("description") for name, one in model.model_json_schema()["properties"].items()}


def test_a_schema_says_what_stands_under_each_field():
    assert properties(Above) == {
        "first": "The first.",
        "second-one": "The second,\nat length.",
        "said": "As it says.",
        "bare": None,
    }


def test_what_is_inherited_named_anew_or_inside_is_described_where_it_is_written():
    found = properties(Below)
    assert (found["first"], found["bare"], found["inner"]) == ("The first.", "Described below.", "Another.")
    assert description(Above, "bare") == ""
    assert properties(Below.Within) == {"own": "Its own."}
    inner = TypeAdapter(list[Below]).json_schema()["$defs"]["Above"]["properties"]
    assert inner["first"]["description"] == "The first."


def test_a_class_in_a_function_has_descriptions_too():
    class Here(Described):
        one: int
        """Right here."""

    assert properties(Here) == {"one": "Right here."}


def test_a_model_put_together_of_another_says_what_that_says():
    made = create_model("Made", __base__=Described, first=(int, Above.model_fields["first"]))
    made.described_by = Above
    assert properties(made) == {"first": "The first."}


def test_a_class_without_a_source_has_none():
    lines = "from freehold.core.described import Described\nclass A(Described):\n  a: int\n  'text'\n"
    code = f"{lines}print(A.model_json_schema()['properties'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "description" not in done.stdout


def test_no_source_is_read_before_somebody_asks():
    code = """
from freehold.core import described
from freehold.features.data import wire
from freehold.kernel.registry import everything
everything()
assert described._classes.cache_info().currsize == 0
assert wire.PUBLISH.fields["path"].text
assert described._classes.cache_info().currsize == 1
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_several_threads_may_read_what_stands_in_a_source_at_once():
    """Each gives way to the others in the middle, where garbage is collected."""
    source = "\n".join(f"class C{number}:\n    a: int = ({number} + (2 * 3))" for number in range(100))
    often = gc.get_threshold()

    def give_way(*_):
        time.sleep(0.0005)

    gc.callbacks.append(give_way)
    gc.set_threshold(50)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: len(described.parse(source).body), range(64)))
    finally:
        gc.set_threshold(*often)
        gc.callbacks.remove(give_way)
    assert found == [100] * 64
