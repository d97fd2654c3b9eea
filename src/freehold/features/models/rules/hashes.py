"""The hash by which a model is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rfc8785

from freehold.core.ids import sha256_hex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freehold.core.fixed import IntArray
    from freehold.features.models.rules.scaling import Scaling


def model_hash(model: IntArray, scaling: Scaling, recipe: dict[str, Any], columns: Sequence[str]) -> str:
    """Hash of a released model with all that is needed to use it; `recipe` is how it was trained, as its asset says."""
    context = {"kind": "model", "scaling": scaling.to_json(), "recipe": recipe, "columns": list(columns)}
    return array_hash(context, model)


def array_hash(context: dict[str, Any], array: IntArray) -> str:
    """Hash of whole numbers with what they are."""
    header = rfc8785.dumps({**context, "shape": list(array.shape)})
    numbers = array.astype("<i8").tobytes()
    return sha256_hex(b"freehold/training-array/v1\0" + len(header).to_bytes(8, "big") + header + numbers)
