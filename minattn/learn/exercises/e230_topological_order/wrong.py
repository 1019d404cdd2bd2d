# First come, first served: a node is visited as soon as one of its users is, and not when all of them are.
order, todo = [], [last]
while todo:
    node = todo.pop(0)
    if node not in order:
        order.append(node)
        todo += inputs[node]

# A node is visited once for every path that leads to it, which are soon millions.
order, todo = [], [last]
while todo:
    node = todo.pop(0)
    order.append(node)
    if len(order) < 100:
        todo += inputs[node]

# Simply all nodes from the highest number to the lowest: some are not needed, and the numbers need not be in order.
order = list(range(len(inputs)))[::-1]

# This is the order of a forward pass; backward goes the other way.
found, todo = set(), [last]
while todo:
    node = todo.pop()
    if node not in found:
        found.add(node)
        todo += inputs[node]
order = sorted(found)  # as they were made, where they are numbered so

# Only the first input of each node is followed.
order = [last]
while inputs[order[-1]]:
    order.append(inputs[order[-1]][0])
