"""The vocabulary: every kind of mistake that a check can report, what it means, and what to look at next."""

from typing import NamedTuple


class Kind(NamedTuple):
    """What a kind of mistake is, and what to look at when it is reported."""

    meaning: str
    next: str


kinds: dict[str, Kind] = {
    "sign": Kind(
        "The gradient, or one term of it, has the wrong sign: what is subtracted in the forward pass, divided by, or "
        "negated, was added on the way back.",
        "the minus signs of the derivation, and which of two terms is subtracted from which",
    ),
    "constant_factor": Kind(
        "The gradient, or one term of it, is a constant times what it should be. The constant says which step it is: "
        "the length of an axis is a sum in place of a mean or the other way round, √d is the scale of attention's "
        "scores, 2 comes from a square, 1/(1 - p) from dropout.",
        "where the forward pass divides or multiplies by this number, or takes a mean",
    ),
    "transposed": Kind(
        "The numbers are right, but the axes of the gradient are in another order than those of its input.",
        "the order of the factors in the last matrix product, (A B)ᵀ = Bᵀ Aᵀ, and the shape of the input",
    ),
    "missing_transpose": Kind(
        "A matrix was used as in the forward pass. What is linear goes back through its transpose: y = x w gives "
        "dx = g wᵀ, a rotation turns back, a permutation of axes is inverted before a reshape.",
        "every matrix product and every change of axes: write the shapes beside it, with all lengths different",
    ),
    "broadcast_not_summed": Kind(
        "An input that was repeated by broadcasting got the gradient of one copy, or of each copy. It was used in "
        "every copy, so that its gradient is the sum over all of them.",
        "the axes along which the input was repeated: sum over each of them, keepdims where its length is 1",
    ),
    "wrong_axis": Kind(
        "A sum, a mean or a softmax of the backward pass runs along another axis than its counterpart in the forward "
        "pass, so that elements are mixed that do not know each other.",
        "every axis= of the backward pass, and those without one, beside the axes of the forward pass",
    ),
    "upstream_ignored": Kind(
        "The gradient, or one term of it, does not contain the upstream gradient. It is the slope alone; the chain "
        "rule multiplies each term by the gradient of what comes after.",
        "whether every term is multiplied by the upstream gradient, also where the output is a single number",
    ),
    "missing_path": Kind(
        "An input acts on the output along several paths, and one of them was not followed back: the shortcut of a "
        "residual connection, one of two uses of a shared weight, one term of a sum.",
        "every place of the forward pass where the input appears: each contributes one term, and they are added",
    ),
    "overwritten_not_accumulated": Kind(
        "An element that is used several times kept one contribution alone, because each was written over the one "
        "before it: dw[ids] = g with repeated ids, or = in a loop where += belongs.",
        "every assignment into the gradient: += in loops, np.add.at for ids that may repeat",
    ),
    "cross_terms_missing": Kind(
        "Only the diagonal of the Jacobian is there, as if each element of the input changed its own output alone. "
        "Softmax and every normalisation let each element change all outputs of its row.",
        "the derivative of one output by another element of the input, i ≠ j: the term with a sum over the row",
    ),
    "treated_as_constant": Kind(
        "A mean, a variance, the denominator of a softmax or one factor of a product depends on the input, but was "
        "held fixed while differentiating.",
        "the lines of the forward pass that compute this value from the input: go back through them, too, and add what "
        "arrives at the input",
    ),
    "swapped_arguments": Kind(
        "Two inputs were mixed up: their gradients are returned in the wrong order, or each was computed with the rule "
        "of the other.",
        "the order of what backward returns beside the order of forward's arguments",
    ),
    "wrong_place": Kind(
        "The slope is right at special values alone, usually the initial ones (a gain of 1, a shift of 0), because a "
        "factor that is 1 there was left out.",
        "whether every factor of the forward pass appears in the gradient, with the value that it has here",
    ),
    "mask_leak": Kind(
        "What a mask hides, dropout drops, or ReLU and max leave out got a gradient, although it has no effect on the "
        "output. Its gradient is 0.",
        "where the forward pass chooses or hides elements: the same mask is to be put on the gradient",
    ),
    "zero_gradient": Kind(
        "The gradient is zero everywhere, although the output depends on the input.",
        "whether the gradient is written into the array that is returned, and what it is multiplied by",
    ),
    "not_finite": Kind(
        "The gradient is NaN or infinite where the true one is a number.",
        "divisions by 0, logarithms of 0, infinities times 0, and exponentials of large numbers",
    ),
    "shape": Kind(
        "The gradient has another shape than its input. The rule is one number for each element of the input.",
        "the shape after every line of the backward pass; sums, keepdims, and the last reshape",
    ),
    "modified_input": Kind(
        "The backward pass changed an input or the upstream gradient in place. Whoever else uses that array gets wrong "
        "numbers, often far from here.",
        "+=, *=, out= and assignments into arrays that were handed in: work on a copy",
    ),
    "nonlinear_in_upstream": Kind(
        "A gradient is linear in the upstream gradient: twice the upstream gives twice the gradient. Here it is not, "
        "as where the upstream is squared, clipped, or decides about a mask.",
        "every use of the upstream gradient: once in each term, as a factor, and never in a comparison",
    ),
    "elementwise_for_matmul": Kind(
        "Arrays were multiplied element by element where a matrix product belongs.",
        "* and @: the gradient of a matrix product is a matrix product again",
    ),
    "wrong_variable": Kind(
        "Another value stands where one belongs: the input for the output, one operand for the other, x for its "
        "normalised form, a function for its slope.",
        "the value in each formula: is it the one before or after this step, and of this operand or of the other?",
    ),
    "missing_factor": Kind(
        "A factor of the chain rule is missing, or stands there once too often: every function on the way contributes "
        "its slope once, at the value that went into it.",
        "the functions of the forward pass, one after the other: each has its slope in the gradient",
    ),
    "wrong_index": Kind(
        "The right numbers land at other places: an index, an offset, a time step or a slice is another one than in "
        "the forward pass.",
        "each index of the backward pass beside its counterpart in the forward pass, for one entry by hand",
    ),
    "wrong": Kind(
        "The gradient is not the slope of the forward pass, and it looks like no mistake that is known here.",
        "the worst entry: derive this one number by hand, and follow it through the backward pass",
    ),
    "ties": Kind(
        "Several elements are equal where only the largest counts. They may share the gradient in any way, but each "
        "unit of it goes out once.",
        "what happens where several elements are the maximum: shares that add up to 1",
    ),
    "no_gradient": Kind(
        "An input of real numbers got None, or nothing was returned at all.",
        "the return statement: one gradient for each input, None for whole numbers and masks alone",
    ),
    "wrong_count": Kind(
        "The number of gradients is not the number of inputs.",
        "the return statement beside forward's arguments",
    ),
    "not_an_array": Kind(
        "Something that is not an array of numbers was returned.",
        "what the last line returns: a NumPy array, or a tuple of them",
    ),
    "dtype": Kind(
        "The gradient has another type of number than its input, so that digits are lost or memory is wasted.",
        "constants and new arrays: np.zeros_like(x) takes over the type, np.zeros(x.shape) does not",
    ),
    "shares_memory": Kind(
        "Two gradients, or a gradient and an input, are the same memory. Gradients are added to in place, and the "
        "other one would change with it.",
        "gradients that are returned as they came: return a copy of one of them",
    ),
    "not_repeatable": Kind(
        "A second call with the same arguments gave another gradient.",
        "what the backward pass keeps from call to call, and random numbers that are drawn anew",
    ),
    "forward_changed": Kind(
        "After backward was called, the forward pass or its output is no longer what it was.",
        "arrays that forward keeps for backward, and that backward changes in place",
    ),
    "exception": Kind(
        "The function raised an exception.",
        "the line that is named, with the shapes of the arrays in it",
    ),
}
