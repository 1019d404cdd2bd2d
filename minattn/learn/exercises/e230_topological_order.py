"""Topological order: in what order the ops of a graph are walked back."""

from typing import Any

import numpy as np

from ..exercise import Cases, Exercise, Mistake


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
    title="Topological order: nobody hands on before all is in",
    template='''
"""Topological order: nobody hands on before all is in

inputs: for each node the list of the nodes that it was computed from; last: the node that backward starts at
-> order: a list of nodes

    inputs = [[], [0], [0, 1], [2]]      node 0 is a leaf, 1 is made of 0, 2 of 0 and 1, 3 of 2
    last = 3                             order: [3, 2, 1, 0]

A node may hand its gradient to its inputs only when its own is complete, that is after all nodes that use it. Put
the nodes into such an order, starting with the last. Each node once; a node that the last one does not depend on
is left out. Any such order will do.

There is a chain of 3,000 nodes among the cases: a function that calls itself for every node gets too deep for Python.
"""


def backward_order(inputs, last):
    # --- your part ---
    order = ...
    # --- end of your part ---
    return order
''',
    function="backward_order",
    solution="""
needed, stack = set(), [last]
while stack:
    node = stack.pop()
    if node not in needed:
        needed.add(node)
        stack += inputs[node]
uses = {node: 0 for node in needed}
for node in needed:
    for source in inputs[node]:
        uses[source] += 1
order, ready = [], [last]
while ready:
    node = ready.pop()
    order.append(node)
    for source in inputs[node]:
        uses[source] -= 1
        if uses[source] == 0:
            ready.append(source)
""",
    alternatives={
        "depth first, without recursion": """
        finished, seen = [], set()
        stack = [(last, False)]
        while stack:
            node, is_done = stack.pop()
            if is_done:
                finished.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack += [(source, False) for source in inputs[node]]
        order = finished[::-1]
        """,
        "by Python's library": """
        from graphlib import TopologicalSorter

        needed, stack = set(), [last]
        while stack:
            node = stack.pop()
            if node not in needed:
                needed.add(node)
                stack.extend(inputs[node])
        order = list(TopologicalSorter({node: inputs[node] for node in needed}).static_order())[::-1]
        """,
        "by the longest way to the end": """
        depth, todo = {last: 0}, [last]
        while todo:
            later = []
            for node in todo:
                for source in inputs[node]:
                    if depth.get(source, -1) < depth[node] + 1:
                        depth[source] = depth[node] + 1
                        later.append(source)
            todo = later
        order = sorted(depth, key=depth.get)
        """,
    },
    mistakes=(
        Mistake(
            "First come, first served: a node is visited as soon as one of its users is, and not when all of them are.",
            """
            order, todo = [], [last]
            while todo:
                node = todo.pop(0)
                if node not in order:
                    order.append(node)
                    todo += inputs[node]
            """,
        ),
        Mistake(
            "A node is visited once for every path that leads to it, which are soon millions.",
            """
            order, todo = [], [last]
            while todo:
                node = todo.pop(0)
                order.append(node)
                if len(order) < 100:
                    todo += inputs[node]
            """,
        ),
        Mistake(
            "Simply all nodes from the highest number to the lowest: some are not needed, and the numbers need not "
            "be in order.",
            "order = list(range(len(inputs)))[::-1]",
        ),
        Mistake(
            "This is the order of a forward pass; backward goes the other way.",
            """
            needed, stack = set(), [last]
            while stack:
                node = stack.pop()
                if node not in needed:
                    needed.add(node)
                    stack += inputs[node]
            order = sorted(needed)  # as they were made, where they are numbered so
            """,
        ),
        Mistake(
            "Only the first input of each node is followed.",
            """
            order = [last]
            while inputs[order[-1]]:
                order.append(inputs[order[-1]][0])
            """,
        ),
    ),
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
    answers=("order",),
    accepts=accepts,
)
