# a rule for each op
rules = {
    "leaf": lambda up, y, *x: (),
    "add": lambda up, y, *x: (up, up),
    "mul": lambda up, y, *x: (up * x[1], up * x[0]),
    "exp": lambda up, y, *x: (up * y,),
    "sum": lambda up, y, *x: (np.full(x[0].shape, up),),
}
pending = {len(tape) - 1: g}
grads = [np.zeros(np.shape(value)) for value in values]
for number in range(len(tape) - 1, -1, -1):
    if number in pending:
        op, *inputs = tape[number]
        grads[number] = np.asarray(pending.pop(number))
        sent = rules[op](grads[number], values[number], *(values[i] for i in inputs))
        for i, part in zip(inputs, sent):
            pending[i] = pending.get(i, 0) + part

# ask who used it: the gradient of an op is the sum over its uses; uses come later, so go from the end
grads = [np.zeros(0)] * len(tape)
grads[-1] = np.asarray(g)
for number in range(len(tape) - 2, -1, -1):
    total = np.zeros_like(values[number])
    for later in range(number + 1, len(tape)):
        op, *inputs = tape[later]
        for slot, i in enumerate(inputs):
            if i == number:
                other = values[inputs[1 - slot]] if op == "mul" else 1.0
                total = total + grads[later] * (values[later] if op == "exp" else other)
    grads[number] = total
