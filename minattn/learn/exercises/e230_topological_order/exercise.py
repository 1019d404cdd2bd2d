from typing import Any

import numpy as np

from ...course import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    yield [[], [0], [0, 1], [2]], 3
    yield [[], [], [0, 1], [2], [2, 3], [4, 2], [0]], 5  # 6 is not needed for 5
    yield [[3, 4], [], [], [1, 2], [3, 2], [0]], 0  # the numbers say nothing about the order
    count = 12
    names = [int(i) for i in rng.permutation(count)]
    graph: list[list[int]] = [[] for _ in range(count)]
    for i in range(1, count):
        graph[names[i]] = [names[int(j)] for j in rng.integers(0, i, 2)]
    yield graph, names[-1]
    yield [[], *([i] for i in range(3000))], 3000


def accepts(arguments: tuple[Any, ...], answer: Any, expected: list[int]) -> str | None:
    """Any order will do in which no node comes before one that uses it."""
    inputs, last = arguments
    if not isinstance(answer, list) or not all(isinstance(node, (int, np.integer)) for node in answer):
        return "order must be a list of nodes, that is of whole numbers"
    place = {int(node): i for i, node in enumerate(answer)}
    if len(place) < len(answer):
        twice = next(node for node in answer if answer.count(node) > 1)
        return f"node {twice} is in the order {answer.count(twice)} times; each node is visited once"
    if missing := sorted(set(expected) - place.keys()):
        return f"node {missing[0]} is missing: node {last} depends on it"
    if extra := sorted(place.keys() - set(expected)):
        return f"node {extra[0]} is in the order, but node {last} does not depend on it: it has no gradient"
    for node in answer:
        for source in inputs[node]:
            if place[source] < place[int(node)]:
                return f"node {source} comes before node {node}, which uses it: its gradient is not complete by then"
    return None


exercise = Exercise(
    page="01_tape",
    hints=(
        "In the example: why may 0 not come right after 2, although 2 uses it?",
        "Count for every needed node how many needed nodes use it. The last one has none. Visit it, take one use off "
        "each of its inputs; whose count reaches 0 is next.",
        "First collect the needed nodes with a stack, starting at last. Then uses[source] += 1 for every input of "
        "every needed node. Then a list `ready`, at first [last]; pop, append to order, count down, and push at 0.",
    ),
    note="Wait until all uses have reported: that is what makes each op run backward once, however many paths there "
    "are. The engine has it for nothing: an op is made after its inputs, so that newest first is such an order (`walk` "
    "in minattn/graph.py).",
    cases=cases,
    accepts=accepts,
)
