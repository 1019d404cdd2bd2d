from ...variants import Option

K = {"Σ_k a_nk b_km": "Σ_k a_nk b_km / {}", "Σ_m g_nm b_km": "Σ_m g_nm b_km / {}", "Σ_n …": "Σ_n … / {}"}
CODE = {"return a @ b": "return a @ b / {}", "da = g @ b.T": "da = g @ b.T / {}", "db = a.T @ g": "db = a.T @ g / {}"}


def divided(by: str, code: str) -> dict[str, str]:
    """The edits for a product that is divided by something."""
    return {old: new.format(by) for old, new in K.items()} | {old: new.format(code) for old, new in CODE.items()}


A_TURNED = {"a (N, K)": "a (K, N)", "a_nk": "a_kn", "a.shape[1]": "a.shape[0]"}
B_TURNED = {"b (K, M)": "b (M, K)", "b_km": "b_mk", "of its row k": "of its column k"}

choices = (
    (
        Option("mean", "the product is divided by K, a mean over k", divided("K", "a.shape[1]")),
        Option("root", "the product is divided by √K", divided("√K", "np.sqrt(a.shape[1])")),
    ),
    (
        Option(
            "at",
            "a is stored transposed, y = aᵀ b",
            A_TURNED | {"return a @ b": "return a.T @ b", "g @ b.T": "b @ g.T", "a.T @ g": "a @ g"},
            inputs=lambda a, b: (a.T.copy(), b),
        ),
        Option(
            "bt",
            "b is stored transposed, y = a bᵀ",
            B_TURNED | {"return a @ b": "return a @ b.T", "g @ b.T": "g @ b", "a.T @ g": "g.T @ a"},
            inputs=lambda a, b: (a, b.T.copy()),
        ),
        Option(
            "atbt",
            "a and b are stored transposed, y = aᵀ bᵀ",
            A_TURNED | B_TURNED | {"return a @ b": "return a.T @ b.T", "g @ b.T": "b.T @ g.T", "a.T @ g": "g.T @ a.T"},
            inputs=lambda a, b: (a.T.copy(), b.T.copy()),
        ),
    ),
)
