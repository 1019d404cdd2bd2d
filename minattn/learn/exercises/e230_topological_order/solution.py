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
    needed, stack = set(), [last]
    while stack:
        node = stack.pop()
        if node not in needed:
            needed.add(node)
            stack += inputs[node]
    uses = dict.fromkeys(needed, 0)
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
    # --- end of your part ---
    return order
