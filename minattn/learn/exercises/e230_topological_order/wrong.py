"""Wrong ways to fill the gap, each with the sentence that answers it."""


def first_come_first_served(inputs, last):
    """First come, first served: a node is visited as soon as one of its users is, and not when all of them are."""
    order, todo = [], [last]
    while todo:
        node = todo.pop(0)
        if node not in order:
            order.append(node)
            todo += inputs[node]
    return order


def once_for_each_path(inputs, last):
    """A node is visited once for every path that leads to it, which are soon millions."""
    order, todo = [], [last]
    while todo:
        node = todo.pop(0)
        order.append(node)
        if len(order) < 100:
            todo += inputs[node]
    return order


def all_nodes_by_number(inputs, last):
    """Simply all nodes from the highest number to the lowest: some are not needed, and the numbers need not be in
    order."""
    order = list(range(len(inputs)))[::-1]
    return order


def order_of_forward(inputs, last):
    """This is the order of a forward pass; backward goes the other way."""
    needed, stack = set(), [last]
    while stack:
        node = stack.pop()
        if node not in needed:
            needed.add(node)
            stack += inputs[node]
    order = sorted(needed)  # as they were made, where they are numbered so
    return order


def first_inputs_only(inputs, last):
    """Only the first input of each node is followed."""
    order = [last]
    while inputs[order[-1]]:
        order.append(inputs[order[-1]][0])
    return order
