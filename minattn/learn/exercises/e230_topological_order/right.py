# depth first, without recursion
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

# by Python's library
from graphlib import TopologicalSorter

needed, stack = set(), [last]
while stack:
    node = stack.pop()
    if node not in needed:
        needed.add(node)
        stack.extend(inputs[node])
order = list(TopologicalSorter({node: inputs[node] for node in needed}).static_order())[::-1]

# by the longest way to the end
depth, todo = {last: 0}, [last]
while todo:
    later = []
    for node in todo:
        for source in inputs[node]:
            if depth.get(source, -1) < depth[node] + 1:
                depth[source] = depth[node] + 1
                later.append(source)
    todo = later
order = sorted(depth, key=lambda node: depth[node])
