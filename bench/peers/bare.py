"""A model behind plain FastAPI and uvicorn, for nothing: what answering costs before anybody is paid.

    python bench/peers/bare.py MODEL.json

MODEL.json holds `model` (its id), `weights` (the last is the bias), `mean` and `scale` of each column. Written as one
would without Freehold, of which nothing is imported. The port is the first line on stdout.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

MOST_STEPS = 4.0
PPM = 1_000_000


class Question(BaseModel):
    """Rows to be judged."""

    model: str
    rows: Annotated[list[list[float]], Field(min_length=1, max_length=1_000)]


class Output(BaseModel):
    """What the model says of one row."""

    label: int
    probability_ppm: int


class Answer(BaseModel):
    """What it says of all of them."""

    model: str
    outputs: list[Output]


class Model:
    """Logistic regression on standardised rows that are shortened to the unit ball."""

    def __init__(self, kept: dict) -> None:
        self.name = kept["model"]
        self._weights, self._bias = np.array(kept["weights"][:-1]), float(kept["weights"][-1])
        self._mean, self._scale = np.array(kept["mean"]), np.array(kept["scale"])
        self.columns = len(self._mean)

    def __call__(self, rows: list[list[float]]) -> np.ndarray:
        """Probabilities."""
        steps = np.clip((np.array(rows) - self._mean) / self._scale, -MOST_STEPS, MOST_STEPS)
        square = np.einsum("rc,rc->r", steps, steps) + 1
        lengths = np.sqrt(np.maximum(square, self.columns + 1))
        return 1 / (1 + np.exp(-(steps @ self._weights + self._bias) / lengths))


def application(model: Model) -> FastAPI:
    """`POST /v1/predict`."""
    app = FastAPI()

    @app.post("/v1/predict")
    async def predict(question: Question) -> Answer:
        if question.model != model.name:
            raise HTTPException(404, "no such model")
        if any(len(row) != model.columns for row in question.rows):
            raise HTTPException(422, f"a row has {model.columns} numbers")
        found = [
            Output(label=int(one >= 0.5), probability_ppm=round(one * PPM))
            for one in model(question.rows).tolist()
        ]
        return Answer(model=model.name, outputs=found)

    return app


def serve(app: FastAPI) -> None:
    """Serve it on a free port of this machine, which is said on stdout."""
    # asyncio switches Nagle's delay off only where the protocol is named
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    server.run(sockets=[listener])


def main() -> None:
    """Serve the model."""
    serve(application(Model(json.loads(Path(sys.argv[1]).read_text()))))


if __name__ == "__main__":
    main()
