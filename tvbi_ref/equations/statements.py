"""What `tvbi_ref.equations` knows of each equation, in the order of docs/EQUATIONS.md. Data only.

A symbol is (letter, name, shape, domain, meaning); its letter stands in the statement exactly
as it is written here. The task is called what the implementation is called, unless an entry
says otherwise.
"""

from __future__ import annotations

from typing import Any

# Symbols that more than one equation uses.

WEIGHT = ("w_n", "weight", "(I, J)", "real", "the weights")
PRECISION = (r"\rho_n", "precision", "(I, J)", "> 0", "the precision of each weight")
SUPPORT = ("s_n", "support", "(I, J)", "0 or 1", "which weights are alive")
ACTIVE = ("a, b", "active", "Gamma", "> 0", "shape and rate, precision of a live weight")
INACTIVE = (r"\bar a, \bar b", "inactive", "Gamma", "> 0", "the same of a dead weight")
STATE_GAMMA = (
    "a, b",
    "prior",
    "Gamma",
    "> 0",
    "shape and rate of the state in question; the active Gamma for s = 1, else the inactive",
)

MEAN = (r"\mu_n", "mean", "(I, J)", "real", "mean of q(w)")
VARIANCE = (r"\sigma_n^2", "variance", "(I, J)", "> 0", "variance of q(w)")
SECOND_MOMENT = ("m_n", "second_moment", "(I, J)", ">= 0", "mu^2 + sigma2, the mean of w^2")
SHAPE = (r"\tilde a_n", "shape", "(I, J)", "> 0", "shape of q(rho)")
RATE = (r"\tilde b_n", "rate", "(I, J)", "> 0", "rate of q(rho)")
EXPECTED_PRECISION = (
    r"\langle\rho_n\rangle",
    "expected_precision",
    "(I, J)",
    "> 0",
    "mean of rho under q",
)
Q_SUPPORT = (r"\tilde\pi_n", "q_support", "(I, J)", "in [0, 1]", "q(s = 1)")
PRIOR_LOG_ODDS = (
    r"\operatorname{logit}\pi_n",
    "prior_log_odds",
    "(I, J)",
    "log-odds, real",
    "Module B's message: the belief that s = 1 without the weight's own evidence",
)
SUPPORT_LOG_ODDS = (
    r"\operatorname{logit}\tilde\pi_n",
    "support_log_odds",
    "(I, J)",
    "log-odds, real",
    "of q(s = 1)",
)
EVIDENCE = (
    "l_n",
    "evidence",
    "(I, J)",
    "log-odds, real",
    "Module A's message: what the data say of s",
)

P01 = ("p_{01}", "p01", "scalar", "in (0, 1)", "P(1 after 0), how readily a run starts")
P10 = ("p_{10}", "p10", "scalar", "in (0, 1)", "P(0 after 1), how readily it ends")
J_ROW = (
    r"J_{\mathrm{row}}",
    "coupling_row",
    "scalar",
    "real",
    "of (i, j) with (i, j+1), neighbours in a row",
)
J_COL = (
    r"J_{\mathrm{col}}",
    "coupling_col",
    "scalar",
    "real",
    "of (i, j) with (i+1, j), neighbours in a column",
)
FIELD = ("h_n", "field", "any", "log-odds, real", "what the prior says of each node by itself")
ANY_EVIDENCE = ("l_n", "evidence", "as field", "log-odds, real", "Module A's message")
CAVITY = (
    r"c_{n \to e}",
    "cavity",
    "any",
    "log-odds, real",
    "what the sender knows without the receiver",
)
ALL_MESSAGES = (
    r"m_{e \to n}",
    "messages",
    "(k, ...)",
    "log-odds, real",
    "the messages from all k factors at the node",
)
BELIEF = ("b_n", "belief", "(I, J)", "in [0, 1]", "P(s = 1) given all evidence")
HORIZONTAL = (
    r"b^{\mathrm{row}}_{ij}",
    "horizontal",
    "(I, J-1, 2, 2)",
    "in [0, 1]",
    "joint belief of (i, j) and (i, j+1)",
)
VERTICAL = (
    r"b^{\mathrm{col}}_{ij}",
    "vertical",
    "(I-1, J, 2, 2)",
    "in [0, 1]",
    "joint belief of (i, j) and (i+1, j)",
)

INPUTS = ("x_{ri}", "x", "(B, I)", "real", "the layer's inputs, a row for each example")
DENSE_MEAN = (r"\mu_{ij}", "mean", "(I, J)", "real", "mean of q(w)")
DENSE_VARIANCE = (r"\sigma_{ij}^2", "variance", "(I, J)", ">= 0", "variance of q(w)")
DENSE_NOISE = ("e_{rj}", "noise", "(B, J)", "real", "a draw of N(0, 1) for each output")
IMAGES = ("x_{rcij}", "x", "(B, C, H, W)", "real", "images: example, channel, row, column")
KERNEL_MEAN = (r"\mu_{fckl}", "mean", "(F, C, kh, kw)", "real", "mean of q(w)")
KERNEL_VARIANCE = (r"\sigma_{fckl}^2", "variance", "(F, C, kh, kw)", ">= 0", "variance of q(w)")
CONV_NOISE = ("e_{rfuv}", "noise", "(B, F, Ho, Wo)", "real", "a draw of N(0, 1) for each output")
STRIDE = ("t", "stride", "scalar", "int >= 1", "pixels from one place of the kernel to the next")
PADDING = ("P", "padding", "scalar", "int >= 0", "zeros on each side of an image")


ENTRIES: tuple[dict[str, Any], ...] = (
    # 1. Model
    {
        "label": "prior-weight",
        "title": "Prior of a weight, given its precision",
        "group": "model",
        "analytic": True,
        "statement": r"""
            \ln p(w_n \mid \rho_n) = \ln \mathcal N\bigl(w_n;\, 0,\, 1/\rho_n\bigr)
            = \tfrac12 \ln \frac{\rho_n}{2\pi} - \tfrac12\, \rho_n w_n^2
            """,
        "inputs": (WEIGHT, PRECISION),
        "outputs": (
            (r"\ln p(w_n \mid \rho_n)", "log_density", "(I, J)", "real", "one number a weight"),
        ),
        "implementation": "tvbi_ref.prior:log_prior_weight",
        "exercise": "01_prior",
        "lesson": "04_three_layer_prior",
    },
    {
        "label": "prior-precision",
        "title": "Prior of a precision, given the support",
        "group": "model",
        "analytic": True,
        "statement": r"""
            \begin{aligned}
            p(\rho_n \mid s_n) &= \mathrm{Ga}(\rho_n; a, b)^{s_n}\,
            \mathrm{Ga}(\rho_n; \bar a, \bar b)^{1 - s_n},
            \qquad \mathrm{Ga}(\rho; a, b) = \frac{b^a \rho^{a-1} e^{-b\rho}}{\Gamma(a)} \\
            \ln p(\rho_n \mid s_n)
            &= s_n \bigl[ a \ln b - \ln\Gamma(a) + (a - 1) \ln\rho_n - b \rho_n \bigr] \\
            &\quad {} + (1 - s_n) \bigl[ \bar a \ln \bar b - \ln\Gamma(\bar a)
            + (\bar a - 1) \ln\rho_n - \bar b \rho_n \bigr]
            \end{aligned}
            """,
        "inputs": (PRECISION, SUPPORT, ACTIVE, INACTIVE),
        "outputs": (
            (r"\ln p(\rho_n \mid s_n)", "log_density", "(I, J)", "real", "one number a weight"),
        ),
        "implementation": "tvbi_ref.prior:log_prior_precision",
        "exercise": "01_prior",
        "lesson": "04_three_layer_prior",
    },
    {
        "label": "prior-weight-marginal",
        "title": "Prior of a weight, the precision integrated out",
        "group": "model",
        "analytic": True,
        "statement": r"""
            \begin{aligned}
            \ln p(w_n \mid s_n)
            &= \ln \int_0^\infty \mathcal N(w_n; 0, 1/\rho)\, \mathrm{Ga}(\rho; a, b)\, d\rho \\
            &= a \ln b - \ln\Gamma(a) + \ln\Gamma\bigl(a + \tfrac12\bigr) - \tfrac12 \ln 2\pi
            - \bigl(a + \tfrac12\bigr) \ln\bigl(b + \tfrac12 w_n^2\bigr) \\
            &= \ln \mathrm{Student}\bigl(w_n;
            2a \text{ degrees of freedom, squared scale } b/a\bigr)
            \end{aligned}
            """,
        "inputs": (WEIGHT, STATE_GAMMA),
        "outputs": (
            (r"\ln p(w_n \mid s_n)", "log_density", "(I, J)", "real", "one number a weight"),
        ),
        "implementation": "tvbi_ref.prior:log_marginal_weight",
        "exercise": "01_prior",
        "lesson": "04_three_layer_prior",
    },
    {
        "label": "prior-support-ising",
        "title": "Ising prior of the support",
        "group": "model",
        "analytic": True,
        "statement": r"""
            \begin{aligned}
            \ln p(S) + \ln Z &= \sum_{i,j} h_{ij} s_{ij}
            + J_{\mathrm{row}} \sum_{i} \sum_{j=0}^{J-2} x_{ij}\, x_{i,j+1}
            + J_{\mathrm{col}} \sum_{i=0}^{I-2} \sum_{j} x_{ij}\, x_{i+1,j} \\
            x_{ij} &= 2 s_{ij} - 1
            \end{aligned}
            """,
        "inputs": (
            ("s_{ij}", "support", "(I, J)", "0 or 1", "which weights are alive"),
            ("h_{ij}", "field", "scalar or (I, J)", "log-odds, real", "one for all nodes, or each"),
            J_ROW,
            J_COL,
        ),
        "outputs": (
            (r"\ln p(S) + \ln Z", "log_weight", "scalar", "real", "the normaliser Z is left out"),
        ),
        "implementation": "tvbi_ref.module_b:ising_log_weight",
        "exercise": "01_prior",
        "lesson": "06_support_priors",
    },
    {
        "label": "prior-support-markov",
        "title": "Markov chain prior of the support, one chain a column",
        "group": "model",
        "analytic": True,
        "statement": r"""
            \begin{aligned}
            \ln p(S) &= \sum_{j} \Bigl[ s_{0j} \ln \lambda + (1 - s_{0j}) \ln(1 - \lambda)
            + \sum_{i=0}^{I-2} \ln \psi(s_{ij}, s_{i+1,j}) \Bigr] \\
            \lambda &= \frac{p_{01}}{p_{01} + p_{10}}, \qquad
            \psi(s, s') = P(s' \mid s): \quad
            \begin{pmatrix} \psi_{00} & \psi_{01} \\ \psi_{10} & \psi_{11} \end{pmatrix}
            = \begin{pmatrix} 1 - p_{01} & p_{01} \\ p_{10} & 1 - p_{10} \end{pmatrix}
            \end{aligned}
            """,
        "inputs": (
            ("s_{ij}", "support", "(I, J)", "0 or 1", "which weights are alive"),
            P01,
            P10,
        ),
        "outputs": ((r"\ln p(S)", "log_prob", "scalar", "<= 0", "normalised"),),
        "implementation": "tvbi_ref.module_b:markov_log_prob",
        "exercise": "01_prior",
        "lesson": "06_support_priors",
    },
    {
        "label": "markov-to-ising",
        "title": "A Markov step as a coupling and two fields",
        "group": "model",
        "statement": r"""
            \begin{aligned}
            \ln \psi(s, s') &= \mathrm{const} + J x x' + u s + v s', \qquad
            x = 2s - 1, \quad x' = 2s' - 1 \\
            J &= \tfrac14 \ln \frac{\psi_{11} \psi_{00}}{\psi_{10} \psi_{01}}
            = \tfrac14 \ln \frac{(1 - p_{10})(1 - p_{01})}{p_{10}\, p_{01}} \\
            u &= \tfrac12 \ln \frac{\psi_{11} \psi_{10}}{\psi_{01} \psi_{00}}
            = \tfrac12 \ln \frac{(1 - p_{10})\, p_{10}}{p_{01} (1 - p_{01})} \\
            v &= \tfrac12 \ln \frac{\psi_{11} \psi_{01}}{\psi_{10} \psi_{00}}
            = \tfrac12 \ln \frac{(1 - p_{10})\, p_{01}}{p_{10} (1 - p_{01})}
            \end{aligned}
            """,
        "inputs": (P01, P10),
        "outputs": (
            ("J", "coupling", "scalar", "real", "between s and s'"),
            ("u", "field_first", "scalar", "log-odds, real", "on s, where the step starts"),
            ("v", "field_second", "scalar", "log-odds, real", "on s', where it ends"),
        ),
        "implementation": "tvbi_ref.module_b:markov_to_ising",
        "exercise": "01_prior",
        "lesson": "06_support_priors",
    },
    {
        "label": "likelihood-categorical",
        "title": "Softmax cross-entropy and its gradient",
        "group": "nets",
        "statement": r"""
            \begin{aligned}
            L &= -\frac1B \sum_{r} \ln \frac{e^{z_{r y_r}}}{\sum_{c} e^{z_{rc}}}
            = \frac1B \sum_{r} \Bigl[ \ln \sum_{c} e^{z_{rc}} - z_{r y_r} \Bigr] \\
            \frac{\partial L}{\partial z_{rc}}
            &= \frac1B \Bigl[ \frac{e^{z_{rc}}}{\sum_{c'} e^{z_{rc'}}} - \mathbf 1[c = y_r] \Bigr]
            \end{aligned}
            """,
        "inputs": (
            ("z_{rc}", "output", "(B, C)", "real", "the network's outputs, logits"),
            ("y_r", "y", "(B,)", "int in [0, C)", "the labels"),
        ),
        "outputs": (
            ("L", "value", "scalar", ">= 0", "mean over the rows of -ln p(y)"),
            (r"\partial L / \partial z_{rc}", "gradient", "(B, C)", "real", "of L by the output"),
        ),
        "implementation": "tvbi_ref.nets:softmax_cross_entropy",
        "exercise": "02_layers",
        "lesson": "02_manual_backprop",
    },
    {
        "label": "likelihood-gaussian",
        "title": "Gaussian negative log-likelihood and its gradient",
        "group": "nets",
        "statement": r"""
            \begin{aligned}
            p(y_r \mid f_r, \gamma) &= \mathcal N\bigl(y_r;\, f_r,\, \gamma^{-1} I\bigr) \\
            L &= \frac1B \sum_{r} \Bigl[ \tfrac12 \langle\gamma\rangle \lVert y_r - f_r \rVert^2
            - \tfrac{D}{2} \bigl( \langle\ln\gamma\rangle - \ln 2\pi \bigr) \Bigr] \\
            \frac{\partial L}{\partial f_{rd}}
            &= \frac{\langle\gamma\rangle}{B} \bigl( f_{rd} - y_{rd} \bigr)
            \end{aligned}
            """,
        "inputs": (
            ("f_r", "output", "(B, D)", "real", "the network's outputs, means"),
            ("y_r", "y", "(B, D)", "real", "the targets"),
            (r"\langle\gamma\rangle", "noise_precision", "scalar", "> 0", "mean of gamma"),
            (
                r"\langle\ln\gamma\rangle",
                "log_noise_precision",
                "scalar",
                "real",
                "mean of ln gamma; ln of the precision if that is known",
            ),
        ),
        "outputs": (
            ("L", "value", "scalar", "real", "mean over the rows of -ln p(y)"),
            (r"\partial L / \partial f_{rd}", "gradient", "(B, D)", "real", "of L by the output"),
        ),
        "implementation": "tvbi_ref.nets:gaussian_nll",
        "exercise": "02_layers",
        "lesson": "02_manual_backprop",
    },
    {
        "label": "noise-precision",
        "title": "Posterior of the noise precision",
        "group": "nets",
        "statement": r"""
            \begin{aligned}
            q(\gamma) &= \mathrm{Ga}\bigl(\gamma;\, \tilde a_\gamma,\, \tilde b_\gamma\bigr) \\
            \tilde a_\gamma &= a_\gamma + \tfrac12 N D \\
            \tilde b_\gamma &= b_\gamma + \tfrac12 \sum_{r=0}^{N-1} \lVert y_r - f_r \rVert^2
            \end{aligned}
            """,
        "inputs": (
            ("f_r", "output", "(N, D)", "real", "one noisy pass over all N rows"),
            ("y_r", "y", "(N, D)", "real", "the targets"),
            (r"a_\gamma, b_\gamma", "prior", "Gamma", "> 0", "shape and rate of p(gamma)"),
        ),
        "outputs": (
            (r"\tilde a_\gamma", "shape", "scalar", "> 0", "of q(gamma)"),
            (r"\tilde b_\gamma", "rate", "scalar", "> 0", "of q(gamma)"),
        ),
        "implementation": "tvbi_ref.nets:update_noise_precision",
        "exercise": "02_layers",
        "lesson": "03_variational_bayes_and_local_reparameterisation",
    },
    # 2. Variational posterior and objective
    {
        "label": "q-factors",
        "title": "The mean-field posterior",
        "group": "module_a",
        "analytic": True,
        "statement": r"""
            \begin{aligned}
            \ln q(w_n, \rho_n, s_n) &= \ln \mathcal N(w_n; \mu_n, \sigma_n^2)
            + \ln \mathrm{Ga}(\rho_n; \tilde a_n, \tilde b_n)
            + \ln \mathrm{Bern}(s_n; \tilde\pi_n) \\
            &= -\tfrac12 \ln\bigl(2\pi \sigma_n^2\bigr) - \frac{(w_n - \mu_n)^2}{2 \sigma_n^2} \\
            &\quad {} + \tilde a_n \ln \tilde b_n - \ln\Gamma(\tilde a_n)
            + (\tilde a_n - 1) \ln\rho_n - \tilde b_n \rho_n \\
            &\quad {} + s_n \ln \tilde\pi_n + (1 - s_n) \ln(1 - \tilde\pi_n)
            \end{aligned}
            """,
        "inputs": (WEIGHT, PRECISION, SUPPORT, MEAN, VARIANCE, SHAPE, RATE, Q_SUPPORT),
        "outputs": (
            (r"\ln q(w_n, \rho_n, s_n)", "log_density", "(I, J)", "real", "one number a weight"),
        ),
        "implementation": "tvbi_ref.module_a:log_q",
        "exercise": "03_mean_field",
        "lesson": "05_module_a",
    },
    {
        "label": "elbo",
        "title": "A layer's terms of the mean-field ELBO",
        "group": "module_a",
        "statement": r"""
            \begin{aligned}
            E \ln p(w \mid \rho) &= \sum_n \tfrac12 \bigl( \langle\ln\rho_n\rangle - \ln 2\pi
            - \langle\rho_n\rangle (\mu_n^2 + \sigma_n^2) \bigr) \\
            E \ln p(\rho \mid s) &= \sum_n \Bigl\{ \tilde\pi_n \bigl[ a \ln b - \ln\Gamma(a)
            + (a - 1) \langle\ln\rho_n\rangle - b \langle\rho_n\rangle \bigr] \\
            &\qquad {} + (1 - \tilde\pi_n) \bigl[ \bar a \ln \bar b - \ln\Gamma(\bar a)
            + (\bar a - 1) \langle\ln\rho_n\rangle - \bar b \langle\rho_n\rangle \bigr] \Bigr\} \\
            E \ln \hat p(s) &= \sum_n \bigl[ \tilde\pi_n \ln \pi_n
            + (1 - \tilde\pi_n) \ln(1 - \pi_n) \bigr] \\
            H[q(w)] &= \sum_n \tfrac12 \ln\bigl(2 \pi e\, \sigma_n^2\bigr) \\
            H[q(\rho)] &= \sum_n \bigl[ \tilde a_n - \ln \tilde b_n + \ln\Gamma(\tilde a_n)
            + (1 - \tilde a_n)\, \psi(\tilde a_n) \bigr] \\
            H[q(s)] &= -\sum_n \bigl[ \tilde\pi_n \ln \tilde\pi_n
            + (1 - \tilde\pi_n) \ln(1 - \tilde\pi_n) \bigr] \\
            \langle\rho_n\rangle &= \tilde a_n / \tilde b_n, \qquad
            \langle\ln\rho_n\rangle = \psi(\tilde a_n) - \ln \tilde b_n, \qquad
            \psi = (\ln\Gamma)' \\
            \tilde\pi_n &= \frac{1}{1 + e^{-\operatorname{logit}\tilde\pi_n}}, \qquad
            \pi_n = \frac{1}{1 + e^{-\operatorname{logit}\pi_n}}
            \end{aligned}
            """,
        "inputs": (
            MEAN,
            VARIANCE,
            SHAPE,
            RATE,
            SUPPORT_LOG_ODDS,
            PRIOR_LOG_ODDS,
            ACTIVE,
            INACTIVE,
        ),
        "outputs": (
            (r"E \ln p(w \mid \rho)", "expected_log_weight", "scalar", "real", "under q"),
            (r"E \ln p(\rho \mid s)", "expected_log_precision", "scalar", "real", "under q"),
            (r"E \ln \hat p(s)", "expected_log_support", "scalar", "<= 0", "under q"),
            ("H[q(w)]", "entropy_weight", "scalar", "real", "of the Gaussians"),
            (r"H[q(\rho)]", "entropy_precision", "scalar", "real", "of the Gammas"),
            ("H[q(s)]", "entropy_support", "scalar", ">= 0", "of the supports, in nats"),
        ),
        "implementation": "tvbi_ref.module_a:elbo",
        "exercise": "03_mean_field",
        "lesson": "05_module_a",
    },
    # 3. Module A
    {
        "label": "q-precision",
        "title": "Mean-field update of the precisions",
        "group": "module_a",
        "statement": r"""
            \begin{aligned}
            q(\rho_n) &= \mathrm{Ga}(\rho_n; \tilde a_n, \tilde b_n) \\
            \tilde a_n &= \tilde\pi_n a + (1 - \tilde\pi_n) \bar a + \tfrac12 \\
            \tilde b_n &= \tilde\pi_n b + (1 - \tilde\pi_n) \bar b + \tfrac12 m_n
            \end{aligned}
            """,
        "inputs": (SECOND_MOMENT, Q_SUPPORT, ACTIVE, INACTIVE),
        "outputs": (SHAPE, RATE),
        "implementation": "tvbi_ref.module_a:update_precision",
        "exercise": "03_mean_field",
        "lesson": "05_module_a",
    },
    {
        "label": "q-precision-complex",
        "title": "The update of the follow-up code, for complex weights",
        "group": "module_a",
        "statement": r"""
            \begin{aligned}
            q(\rho_n) &= \mathrm{Ga}(\rho_n; \tilde a_n, \tilde b_n)
            \quad \text{for circular complex weights, }
            p(w_n \mid \rho_n) = \frac{\rho_n}{\pi} e^{-\rho_n \lvert w_n \rvert^2} \\
            \tilde a_n &= \tilde\pi_n a + (1 - \tilde\pi_n) \bar a + 1 \\
            \tilde b_n &= \tilde\pi_n b + (1 - \tilde\pi_n) \bar b + m_n
            \end{aligned}
            """,
        "inputs": (SECOND_MOMENT, Q_SUPPORT, ACTIVE, INACTIVE),
        "outputs": (SHAPE, RATE),
        "implementation": "tvbi_ref.turbo:update_precision_complex",
        "exercise": "03_mean_field",
        "lesson": "05_module_a",
    },
    {
        "label": "evidence",
        "title": "Mean-field evidence for a weight's support",
        "group": "module_a",
        "statement": r"""
            \begin{aligned}
            l_n &= \bigl[ a \ln b - \ln\Gamma(a) + (a - 1) \langle\ln\rho_n\rangle
            - b \langle\rho_n\rangle \bigr] \\
            &\quad {} - \bigl[ \bar a \ln \bar b - \ln\Gamma(\bar a)
            + (\bar a - 1) \langle\ln\rho_n\rangle - \bar b \langle\rho_n\rangle \bigr]
            \end{aligned}
            """,
        "inputs": (
            EXPECTED_PRECISION,
            (
                r"\langle\ln\rho_n\rangle",
                "expected_log_precision",
                "(I, J)",
                "real",
                "mean of ln rho under q",
            ),
            ACTIVE,
            INACTIVE,
        ),
        "outputs": (EVIDENCE,),
        "implementation": "tvbi_ref.module_a:evidence",
        "exercise": "03_mean_field",
        "lesson": "05_module_a",
    },
    {
        "label": "q-support",
        "title": "Update of the supports",
        "group": "module_a",
        "statement": r"""
            \operatorname{logit}\tilde\pi_n = \operatorname{logit}\pi_n + l_n, \qquad
            \operatorname{logit} p = \ln \frac{p}{1 - p}
            """,
        "inputs": (PRIOR_LOG_ODDS, EVIDENCE),
        "outputs": (
            (
                r"\operatorname{logit}\tilde\pi_n",
                "log_odds",
                "(I, J)",
                "log-odds, real",
                "of q(s = 1)",
            ),
        ),
        "implementation": "tvbi_ref.module_a:update_support",
        "exercise": "03_mean_field",
        "lesson": "05_module_a",
    },
    {
        "label": "q-weight",
        "title": "What the prior adds to the weights' objective",
        "group": "module_a",
        "analytic": True,
        "statement": r"""
            \begin{aligned}
            R(\mu, \sigma^2) &= \sum_n \Bigl[ \tfrac12 \langle\rho_n\rangle (\mu_n^2 + \sigma_n^2)
            - \tfrac12 \ln \sigma_n^2 \Bigr] \\
            q(w) \text{ minimises } F(\mu, \sigma^2)
            &= -E_q[\ln p(\mathcal D \mid w)] + \kappa\, R(\mu, \sigma^2), \qquad 0 \lt \kappa \le 1
            \end{aligned}
            """,
        "inputs": (MEAN, VARIANCE, EXPECTED_PRECISION),
        "outputs": (
            (r"R(\mu, \sigma^2)", "penalty", "scalar", "real", "KL to N(0, 1/rho), less constants"),
        ),
        "implementation": "tvbi_ref.module_a:weight_penalty",
        "exercise": "03_mean_field",
        "lesson": "05_module_a",
    },
    {
        "label": "q-weight-gradient",
        "title": "Gradient of the weights' penalty",
        "group": "module_a",
        "statement": r"""
            \begin{aligned}
            R &= \sum_n \Bigl[ \tfrac12 \langle\rho_n\rangle (\mu_n^2 + \sigma_n^2)
            - \tfrac12 \ln \sigma_n^2 \Bigr] \\
            \frac{\partial R}{\partial \mu_n} &= \langle\rho_n\rangle\, \mu_n \\
            \frac{\partial R}{\partial \ln \sigma_n^2}
            &= \tfrac12 \sigma_n^2 \langle\rho_n\rangle - \tfrac12
            \end{aligned}
            """,
        "inputs": (MEAN, VARIANCE, EXPECTED_PRECISION),
        "outputs": (
            (r"\partial R / \partial \mu_n", "d_mean", "(I, J)", "real", "by the mean"),
            (
                r"\partial R / \partial \ln \sigma_n^2",
                "d_log_variance",
                "(I, J)",
                ">= -1/2",
                "by the LOGARITHM of the variance",
            ),
        ),
        "implementation": "tvbi_ref.module_a:weight_penalty_gradient",
        "exercise": "03_mean_field",
        "lesson": "05_module_a",
    },
    {
        "label": "local-reparam-dense",
        "title": "Local reparameterisation of a dense layer",
        "group": "nets",
        "statement": r"""
            z_{rj} = \sum_i x_{ri}\, \mu_{ij} + b_j
            + e_{rj} \sqrt{\sum_i x_{ri}^2\, \sigma_{ij}^2 + \varepsilon}, \qquad
            \varepsilon = 10^{-8}
            """,
        "inputs": (
            INPUTS,
            DENSE_MEAN,
            DENSE_VARIANCE,
            ("b_j", "bias", "(J,)", "real", "not random"),
            DENSE_NOISE,
        ),
        "outputs": (("z_{rj}", "z", "(B, J)", "real", "one draw of the layer's outputs"),),
        "implementation": "tvbi_ref.nets:local_reparam_dense",
        "exercise": "02_layers",
        "lesson": "03_variational_bayes_and_local_reparameterisation",
    },
    {
        "label": "local-reparam-dense-backward",
        "title": "Backward pass of that dense layer, noise held fixed",
        "group": "nets",
        "statement": r"""
            \begin{aligned}
            v_{rj} &= \frac{g_{rj}\, e_{rj}}
            {2 \sqrt{\sum_i x_{ri}^2\, \sigma_{ij}^2 + \varepsilon}}, \qquad
            g_{rj} = \frac{\partial L}{\partial z_{rj}}, \qquad \varepsilon = 10^{-8} \\
            \frac{\partial L}{\partial \mu_{ij}} &= \sum_r x_{ri}\, g_{rj} \\
            \frac{\partial L}{\partial \sigma_{ij}^2} &= \sum_r x_{ri}^2\, v_{rj} \\
            \frac{\partial L}{\partial b_j} &= \sum_r g_{rj} \\
            \frac{\partial L}{\partial x_{ri}}
            &= \sum_j g_{rj}\, \mu_{ij} + 2 x_{ri} \sum_j v_{rj}\, \sigma_{ij}^2
            \end{aligned}
            """,
        "inputs": (
            INPUTS,
            DENSE_MEAN,
            DENSE_VARIANCE,
            DENSE_NOISE,
            ("g_{rj}", "grad", "(B, J)", "real", "gradient of the loss by z"),
        ),
        "outputs": (
            (r"\partial L / \partial \mu_{ij}", "d_mean", "(I, J)", "real", "by the means"),
            (
                r"\partial L / \partial \sigma_{ij}^2",
                "d_variance",
                "(I, J)",
                "real",
                "by the variances",
            ),
            (r"\partial L / \partial b_j", "d_bias", "(J,)", "real", "by the bias"),
            (r"\partial L / \partial x_{ri}", "d_x", "(B, I)", "real", "by the inputs"),
        ),
        "implementation": "tvbi_ref.nets:local_reparam_dense_backward",
        "exercise": "02_layers",
        "lesson": "03_variational_bayes_and_local_reparameterisation",
    },
    {
        "label": "local-reparam-conv",
        "title": "Local reparameterisation of a convolution",
        "group": "nets",
        "statement": r"""
            \begin{aligned}
            z_{rfuv} &= \sum_{c,k,l} \hat x_{r,c,tu+k,tv+l}\, \mu_{fckl} + b_f
            + e_{rfuv} \sqrt{\sum_{c,k,l} \hat x_{r,c,tu+k,tv+l}^2\, \sigma_{fckl}^2
            + \varepsilon} \\
            \hat x_{r,c,i+P,j+P} &= x_{rcij} \text{ and } 0 \text{ on the } P \text{ pixels around},
            \qquad \varepsilon = 10^{-8} \\
            0 &\le u \le \Bigl\lfloor \frac{H + 2P - k_h}{t} \Bigr\rfloor, \qquad
            0 \le v \le \Bigl\lfloor \frac{W + 2P - k_w}{t} \Bigr\rfloor
            \end{aligned}
            """,
        "inputs": (
            IMAGES,
            KERNEL_MEAN,
            KERNEL_VARIANCE,
            ("b_f", "bias", "(F,)", "real", "not random"),
            CONV_NOISE,
            STRIDE,
            PADDING,
        ),
        "outputs": (
            ("z_{rfuv}", "z", "(B, F, Ho, Wo)", "real", "one draw of the layer's outputs"),
        ),
        "implementation": "tvbi_ref.nets:local_reparam_conv",
        "exercise": "02_layers",
        "lesson": "10_cnn_on_mnist",
    },
    {
        "label": "local-reparam-conv-backward",
        "title": "Backward pass of that convolution, noise held fixed",
        "group": "nets",
        "statement": r"""
            \begin{aligned}
            d_{rfuv} &= \frac{g_{rfuv}\, e_{rfuv}}
            {2 \sqrt{\sum_{c,k,l} \hat x_{r,c,tu+k,tv+l}^2\, \sigma_{fckl}^2 + \varepsilon}}, \qquad
            g_{rfuv} = \frac{\partial L}{\partial z_{rfuv}}, \qquad \varepsilon = 10^{-8} \\
            \hat x_{r,c,i+P,j+P} &= x_{rcij}
            \text{ and } 0 \text{ on the } P \text{ pixels around} \\
            \frac{\partial L}{\partial \mu_{fckl}}
            &= \sum_{r,u,v} g_{rfuv}\, \hat x_{r,c,tu+k,tv+l} \\
            \frac{\partial L}{\partial \sigma_{fckl}^2}
            &= \sum_{r,u,v} d_{rfuv}\, \hat x_{r,c,tu+k,tv+l}^2 \\
            \frac{\partial L}{\partial b_f} &= \sum_{r,u,v} g_{rfuv} \\
            \frac{\partial L}{\partial x_{rcij}}
            &= \sum_{f} \sum_{\substack{u,k:\; tu+k = i+P \\ v,l:\; tv+l = j+P}}
            \bigl( g_{rfuv}\, \mu_{fckl} + 2 x_{rcij}\, d_{rfuv}\, \sigma_{fckl}^2 \bigr)
            \end{aligned}
            """,
        "inputs": (
            IMAGES,
            KERNEL_MEAN,
            KERNEL_VARIANCE,
            CONV_NOISE,
            ("g_{rfuv}", "grad", "(B, F, Ho, Wo)", "real", "gradient of the loss by z"),
            STRIDE,
            PADDING,
        ),
        "outputs": (
            (
                r"\partial L / \partial \mu_{fckl}",
                "d_mean",
                "(F, C, kh, kw)",
                "real",
                "by the means",
            ),
            (
                r"\partial L / \partial \sigma_{fckl}^2",
                "d_variance",
                "(F, C, kh, kw)",
                "real",
                "by the variances",
            ),
            (r"\partial L / \partial b_f", "d_bias", "(F,)", "real", "by the bias"),
            (r"\partial L / \partial x_{rcij}", "d_x", "(B, C, H, W)", "real", "by the inputs"),
        ),
        "implementation": "tvbi_ref.nets:local_reparam_conv_backward",
        "exercise": "02_layers",
        "lesson": "10_cnn_on_mnist",
    },
    {
        "label": "q-collapsed",
        "title": "Precision given the support, exact given q(w)",
        "group": "module_a",
        "statement": r"""
            \begin{aligned}
            q(\rho_n \mid s_n = 1)
            &= \mathrm{Ga}\bigl(\rho_n;\, a + \tfrac12,\, b + \tfrac12 m_n\bigr) \\
            q(\rho_n \mid s_n = 0)
            &= \mathrm{Ga}\bigl(\rho_n;\, \bar a + \tfrac12,\, \bar b + \tfrac12 m_n\bigr)
            \end{aligned}
            """,
        "inputs": (SECOND_MOMENT, STATE_GAMMA),
        "outputs": (
            (r"a + \tfrac12", "shape", "scalar", "> 1/2", "one for all weights"),
            (r"b + \tfrac12 m_n", "rate", "(I, J)", "> 0", "one a weight"),
        ),
        "implementation": "tvbi_ref.module_a:conditional_precision",
        "exercise": "04_collapsed",
        "lesson": "05_module_a",
    },
    {
        "label": "evidence-collapsed",
        "title": "Evidence with the precision integrated out",
        "group": "module_a",
        "statement": r"""
            \begin{aligned}
            l_n &= \ln Z_1(m_n) - \ln Z_0(m_n) \\
            &= \bigl[ a \ln b - \ln\Gamma(a) + \ln\Gamma\bigl(a + \tfrac12\bigr)
            - \bigl(a + \tfrac12\bigr) \ln\bigl(b + \tfrac12 m_n\bigr) \bigr] \\
            &\quad {} - \bigl[ \bar a \ln \bar b - \ln\Gamma(\bar a)
            + \ln\Gamma\bigl(\bar a + \tfrac12\bigr)
            - \bigl(\bar a + \tfrac12\bigr) \ln\bigl(\bar b + \tfrac12 m_n\bigr) \bigr]
            \end{aligned}
            """,
        "inputs": (SECOND_MOMENT, ACTIVE, INACTIVE),
        "outputs": (EVIDENCE,),
        "implementation": "tvbi_ref.module_a:evidence_collapsed",
        "exercise": "04_collapsed",
        "lesson": "05_module_a",
    },
    {
        "label": "precision-collapsed",
        "title": "Expected precision of the collapsed form",
        "group": "module_a",
        "statement": r"""
            \langle\rho_n\rangle = \tilde\pi_n\, \frac{a + \tfrac12}{b + \tfrac12 m_n}
            + (1 - \tilde\pi_n)\, \frac{\bar a + \tfrac12}{\bar b + \tfrac12 m_n}
            """,
        "inputs": (SECOND_MOMENT, Q_SUPPORT, ACTIVE, INACTIVE),
        "outputs": (
            (r"\langle\rho_n\rangle", "precision", "(I, J)", "> 0", "mean of rho under q"),
        ),
        "implementation": "tvbi_ref.module_a:precision_collapsed",
        "exercise": "04_collapsed",
        "lesson": "05_module_a",
    },
    {
        "label": "elbo-collapsed",
        "title": "A layer's terms of the collapsed ELBO",
        "group": "module_a",
        "statement": r"""
            \begin{aligned}
            \mathcal E &= \sum_n \ln\bigl[ \pi_n Z_1(m_n) + (1 - \pi_n) Z_0(m_n) \bigr] \\
            H[q(w)] &= \sum_n \tfrac12 \ln\bigl(2 \pi e\, \sigma_n^2\bigr) \\
            Z_1(m) &= \frac{b^a}{\sqrt{2\pi}}
            \frac{\Gamma(a + \tfrac12)}{\Gamma(a)\, (b + \tfrac12 m)^{a + 1/2}}, \qquad
            Z_0(m) = \frac{\bar b^{\bar a}}{\sqrt{2\pi}} \frac{\Gamma(\bar a + \tfrac12)}
            {\Gamma(\bar a)\, (\bar b + \tfrac12 m)^{\bar a + 1/2}} \\
            m_n &= \mu_n^2 + \sigma_n^2, \qquad
            \pi_n = \frac{1}{1 + e^{-\operatorname{logit}\pi_n}}
            \end{aligned}
            """,
        "inputs": (MEAN, VARIANCE, PRIOR_LOG_ODDS, ACTIVE, INACTIVE),
        "outputs": (
            (
                r"\mathcal E",
                "log_evidence",
                "scalar",
                "real",
                "supports and precisions, summed out",
            ),
            ("H[q(w)]", "entropy_weight", "scalar", "real", "of the Gaussians"),
        ),
        "implementation": "tvbi_ref.module_a:elbo_collapsed",
        "exercise": "04_collapsed",
        "lesson": "05_module_a",
    },
    {
        "label": "mean-field-trap",
        "title": "When mean field never lets a dead weight go",
        "group": "module_a",
        "analytic": True,
        "statement": r"""
            t_n = a \ln \frac{b}{\bar b} + \operatorname{logit}\pi_n
            - \bigl(a + \tfrac12\bigr) \Bigl( 1 - \frac{\bar b}{b} \Bigr), \qquad
            \bar a = a, \qquad \text{trapped only if } t_n \gt 0
            """,
        "inputs": (PRIOR_LOG_ODDS, ACTIVE, INACTIVE),
        "outputs": (
            (
                "t_n",
                "margin",
                "(I, J)",
                "log-odds, real",
                "logit of q(s = 1) after a step from q(s = 1) = 1 and m = 0",
            ),
        ),
        "implementation": "tvbi_ref.module_a:trap_margin",
        "exercise": "03_mean_field",
        "lesson": "05_module_a",
    },
    # 4. Module B
    {
        "label": "cavity",
        "title": "What a node knows without one of its neighbours",
        "group": "module_b",
        "statement": r"""
            c_{n \to e} = h_n + l_n + \sum_{e' \ne e} m_{e' \to n}
            """,
        "inputs": (
            FIELD,
            ANY_EVIDENCE,
            (
                r"m_{e' \to n}",
                "other_messages",
                "(k, ...)",
                "log-odds, real",
                "the messages from all factors but e",
            ),
        ),
        "outputs": (CAVITY,),
        "implementation": "tvbi_ref.module_b:cavity",
        "exercise": "05_messages",
        "lesson": "07_module_b",
    },
    {
        "label": "sum-product",
        "title": "The message through a factor",
        "group": "module_b",
        "statement": r"""
            m_{e \to k}
            = \ln \frac{\sum_s \psi(s, 1)\, e^{s\, c_{n \to e}}}
            {\sum_s \psi(s, 0)\, e^{s\, c_{n \to e}}}
            = \ln \frac{\psi_{11}\, r + \psi_{01}}{\psi_{10}\, r + \psi_{00}}, \qquad
            r = e^{c_{n \to e}}
            """,
        "inputs": (
            CAVITY,
            (r"\psi", "psi", "(2, 2)", "> 0", "the factor; the sender's state comes first"),
        ),
        "outputs": (
            (r"m_{e \to k}", "message", "as cavity", "log-odds, real", "what the receiver k hears"),
        ),
        "implementation": "tvbi_ref.module_b:sum_product",
        "exercise": "05_messages",
        "lesson": "07_module_b",
    },
    {
        "label": "sum-product-ising",
        "title": "The message through a coupling",
        "group": "module_b",
        "statement": r"""
            m_{e \to k}
            = 2 \operatorname{artanh}\Bigl( \tanh J \, \tanh\frac{c_{n \to e}}{2} \Bigr)
            = \ln \frac{t r + 1}{r + t}, \qquad t = e^{2J}, \quad r = e^{c_{n \to e}}
            """,
        "inputs": (
            CAVITY,
            ("J", "coupling", "scalar", "real", "of the two nodes; the factor is exp(J x x')"),
        ),
        "outputs": (
            (
                r"m_{e \to k}",
                "message",
                "as cavity",
                "log-odds, in [-2 abs(J), 2 abs(J)]",
                "what the receiver k hears",
            ),
        ),
        "implementation": "tvbi_ref.module_b:ising_message",
        "exercise": "05_messages",
        "lesson": "07_module_b",
    },
    {
        "label": "belief",
        "title": "A node's belief",
        "group": "module_b",
        "statement": r"""
            \operatorname{logit} b_n = h_n + l_n + \sum_e m_{e \to n}, \qquad
            b_n = \frac{1}{1 + e^{-\operatorname{logit} b_n}}
            """,
        "inputs": (FIELD, ANY_EVIDENCE, ALL_MESSAGES),
        "outputs": (("b_n", "belief", "as field", "in [0, 1]", "P(s = 1), a probability"),),
        "implementation": "tvbi_ref.module_b:belief",
        "exercise": "05_messages",
        "lesson": "07_module_b",
    },
    {
        "label": "extrinsic-b",
        "title": "Module B's message to Module A",
        "group": "module_b",
        "statement": r"""
            \operatorname{logit}\pi_n = \operatorname{logit} b_n - l_n
            = h_n + \sum_e m_{e \to n}
            """,
        "inputs": (FIELD, ALL_MESSAGES),
        "outputs": (
            (
                r"\operatorname{logit}\pi_n",
                "log_odds",
                "as field",
                "log-odds, real",
                "the belief without the node's own evidence",
            ),
        ),
        "implementation": "tvbi_ref.module_b:extrinsic",
        "task": "extrinsic_b",
        "exercise": "05_messages",
        "lesson": "07_module_b",
    },
    {
        "label": "grid-sweep",
        "title": "One parallel sweep of a grid",
        "group": "module_b",
        "statement": r"""
            \begin{aligned}
            \beta_{ij} &= \theta_{ij} + m^{(0)}_{ij} + m^{(1)}_{ij} + m^{(2)}_{ij} + m^{(3)}_{ij} \\
            \text{from above:} \quad
            \hat m^{(0)}_{i+1,j} &= T\bigl( \beta_{ij} - m^{(1)}_{ij},\, J_{\mathrm{col}} \bigr) \\
            \text{from below:} \quad
            \hat m^{(1)}_{i-1,j} &= T\bigl( \beta_{ij} - m^{(0)}_{ij},\, J_{\mathrm{col}} \bigr) \\
            \text{from the left:} \quad
            \hat m^{(2)}_{i,j+1} &= T\bigl( \beta_{ij} - m^{(3)}_{ij},\, J_{\mathrm{row}} \bigr) \\
            \text{from the right:} \quad
            \hat m^{(3)}_{i,j-1} &= T\bigl( \beta_{ij} - m^{(2)}_{ij},\, J_{\mathrm{row}} \bigr) \\
            \text{at the rim:} \quad
            \hat m^{(0)}_{0,j} &= \hat m^{(1)}_{I-1,j} = \hat m^{(2)}_{i,0}
            = \hat m^{(3)}_{i,J-1} = 0 \\
            T(c, J) &= 2 \operatorname{artanh}\Bigl( \tanh J \, \tanh\frac{c}{2} \Bigr)
            \end{aligned}
            """,
        "inputs": (
            (r"\theta_{ij}", "own", "(I, J)", "log-odds, real", "h + l, field and evidence"),
            (
                "m^{(0)}_{ij}, m^{(1)}_{ij}, m^{(2)}_{ij}, m^{(3)}_{ij}",
                "messages",
                "(4, I, J)",
                "log-odds, real",
                "what (i, j) has heard from above, below, left, right, in this order",
            ),
            J_ROW,
            J_COL,
        ),
        "outputs": (
            (
                r"\hat m^{(0)}, \hat m^{(1)}, \hat m^{(2)}, \hat m^{(3)}",
                "messages",
                "(4, I, J)",
                "log-odds, real",
                "the new ones, all computed from the old",
            ),
        ),
        "implementation": "tvbi_ref.module_b:grid_sweep",
        "exercise": "06_support_priors",
        "lesson": "07_module_b",
    },
    {
        "label": "chain",
        "title": "Forward-backward down each column",
        "group": "module_b",
        "statement": r"""
            \begin{aligned}
            \alpha_{0j} &= \ln \frac{p_{01}}{p_{10}}, \qquad
            \alpha_{i+1,j} = \ln \frac{(1 - p_{10})\, e^{l_{ij} + \alpha_{ij}} + p_{01}}
            {p_{10}\, e^{l_{ij} + \alpha_{ij}} + 1 - p_{01}} \\
            \beta_{I-1,j} &= 0, \qquad
            \beta_{i-1,j} = \ln \frac{(1 - p_{10})\, e^{l_{ij} + \beta_{ij}} + p_{10}}
            {p_{01}\, e^{l_{ij} + \beta_{ij}} + 1 - p_{01}} \\
            \operatorname{logit}\pi_{ij} &= \alpha_{ij} + \beta_{ij}
            \end{aligned}
            """,
        "inputs": (
            ("l_{ij}", "evidence", "(I, J)", "log-odds, real", "Module A's message"),
            P01,
            P10,
        ),
        "outputs": (
            (r"\alpha_{ij}", "forward", "(I, J)", "log-odds, real", "what (i, j) hears from above"),
            (r"\beta_{ij}", "backward", "(I, J)", "log-odds, real", "what it hears from below"),
        ),
        "implementation": "tvbi_ref.module_b:chain_messages",
        "exercise": "06_support_priors",
        "lesson": "07_module_b",
    },
    {
        "label": "pair-belief",
        "title": "Joint belief of two neighbours",
        "group": "module_b",
        "statement": r"""
            b(s, s') = \frac{\exp\bigl( \ln\psi(s, s') + c\, s + c'\, s' \bigr)}
            {\sum_{t, t' \in \{0, 1\}} \exp\bigl( \ln\psi(t, t') + c\, t + c'\, t' \bigr)}
            """,
        "inputs": (
            (
                r"\ln\psi",
                "log_psi",
                "(2, 2)",
                "real",
                "of the factor; the first node's state first",
            ),
            ("c", "cavity_first", "any", "log-odds, real", "of s, without what s' said"),
            ("c'", "cavity_second", "as the first", "log-odds, real", "of s', without what s said"),
        ),
        "outputs": (
            ("b(s, s')", "pair_belief", "(..., 2, 2)", "in [0, 1]", "each block sums to 1"),
        ),
        "implementation": "tvbi_ref.module_b:pair_belief",
        "exercise": "06_support_priors",
        "lesson": "07_module_b",
    },
    {
        "label": "bethe",
        "title": "Bethe approximation of ln Z on a grid",
        "group": "module_b",
        "statement": r"""
            \begin{aligned}
            \ln Z_{\mathrm{Bethe}} &= \sum_n \theta_n b_n
            + J_{\mathrm{row}} \sum_{i,j} \sum_{s,s'} x\, x'\, b^{\mathrm{row}}_{ij}(s, s')
            + J_{\mathrm{col}} \sum_{i,j} \sum_{s,s'} x\, x'\, b^{\mathrm{col}}_{ij}(s, s') \\
            &\quad {} - \sum_{i,j} \sum_{s,s'} b^{\mathrm{row}}_{ij}(s, s')
            \ln b^{\mathrm{row}}_{ij}(s, s')
            - \sum_{i,j} \sum_{s,s'} b^{\mathrm{col}}_{ij}(s, s')
            \ln b^{\mathrm{col}}_{ij}(s, s') \\
            &\quad {} + \sum_n (d_n - 1) \bigl[ b_n \ln b_n + (1 - b_n) \ln(1 - b_n) \bigr] \\
            x &= 2s - 1, \qquad x' = 2s' - 1, \qquad
            d_n = \text{number of neighbours of } n
            \end{aligned}
            """,
        "inputs": (
            (r"\theta_n", "own", "(I, J)", "log-odds, real", "h + l, field and evidence"),
            BELIEF,
            HORIZONTAL,
            VERTICAL,
            J_ROW,
            J_COL,
        ),
        "outputs": (
            (r"\ln Z_{\mathrm{Bethe}}", "log_partition", "scalar", "real", "exact on a tree"),
        ),
        "implementation": "tvbi_ref.module_b:bethe_log_partition",
        "exercise": "06_support_priors",
        "lesson": "07_module_b",
    },
    {
        "label": "uniqueness",
        "title": "Couplings that allow one fixed point only",
        "group": "module_b",
        "statement": r"""
            \begin{aligned}
            U &= \text{spectral radius of } \begin{pmatrix} c & 2r \\ 2c & r \end{pmatrix}
            = \tfrac12 \Bigl( r + c + \sqrt{(r + c)^2 + 12\, r c} \Bigr) \\
            r &= \tanh \lvert J_{\mathrm{row}} \rvert, \qquad
            c = \tanh \lvert J_{\mathrm{col}} \rvert, \qquad
            U \lt 1 \text{: one fixed point}
            \end{aligned}
            """,
        "inputs": (J_ROW, J_COL),
        "outputs": (
            ("U", "uniqueness", "scalar", "in [0, 3)", "3 tanh(abs(J)) if both couplings are J"),
        ),
        "implementation": "tvbi_ref.module_b:uniqueness_of",
        "exercise": "06_support_priors",
        "lesson": "07_module_b",
    },
    {
        "label": "neuron-group",
        "title": "Whole neurons that live or die",
        "group": "module_b",
        "statement": r"""
            \begin{aligned}
            g_{ij} &= \frac{1 - p_{\mathrm{in}} + p_{\mathrm{in}}\, e^{l_{ij}}}
            {1 - p_{\mathrm{out}} + p_{\mathrm{out}}\, e^{l_{ij}}}, \qquad
            \zeta_{ij} = \frac{\lambda}{1 - \lambda} \prod_{i' \ne i} g_{i'j} \\
            \operatorname{logit}\pi_{ij}
            &= \ln \frac{p_{\mathrm{in}}\, \zeta_{ij} + p_{\mathrm{out}}}
            {(1 - p_{\mathrm{in}})\, \zeta_{ij} + 1 - p_{\mathrm{out}}} \\
            z_j &\sim \mathrm{Bern}(\lambda), \qquad
            P(s_{ij} = 1 \mid z_j = 1) = p_{\mathrm{in}}, \qquad
            P(s_{ij} = 1 \mid z_j = 0) = p_{\mathrm{out}}
            \end{aligned}
            """,
        "inputs": (
            ("l_{ij}", "evidence", "(I, J)", "log-odds, real", "Module A's message"),
            (r"\lambda", "p_alive", "scalar", "in (0, 1)", "P(z = 1), that a neuron lives"),
            (r"p_{\mathrm{in}}", "p_in", "scalar", "in (0, 1)", "P(s = 1) in a live neuron"),
            (r"p_{\mathrm{out}}", "p_out", "scalar", "in (0, 1)", "P(s = 1) in a dead neuron"),
        ),
        "outputs": (
            (
                r"\operatorname{logit}\pi_{ij}",
                "log_odds",
                "(I, J)",
                "log-odds, real",
                "what the other weights of neuron j say of (i, j)",
            ),
        ),
        "implementation": "tvbi_ref.module_b:neuron_extrinsic",
        "exercise": "06_support_priors",
        "lesson": "07_module_b",
    },
    {
        "label": "em-chain",
        "title": "Baum-Welch: a chain learned from beliefs",
        "group": "module_b",
        "statement": r"""
            \begin{aligned}
            p_{01}^{\mathrm{new}} &= r(n_{01} + k_1,\; n_{00}), \qquad
            p_{10}^{\mathrm{new}} = r(n_{10} + k_0,\; n_{11}) \\
            r(y, z) &= \text{the } p \in [0, 1] \text{ that maximises }
            y \ln p + z \ln(1 - p) - c\, p, \qquad c = \frac{J}{p_{01} + p_{10}} \\
            &= \frac{2 y}{y + z + c + \sqrt{(y - c)^2 + z\, (z + 2 y + 2 c)}} \\
            n_{ss'} &= \sum_{i,j} b_{ij}(s, s'), \qquad
            k_1 = \sum_j b_{0j}, \qquad k_0 = J - k_1
            \end{aligned}
            """,
        "inputs": (
            (
                "b_{ij}",
                "pair_beliefs",
                "(I-1, J, 2, 2)",
                "in [0, 1]",
                "joint belief of (i, j) and (i+1, j), the state of (i, j) first",
            ),
            (
                "b_{0j}",
                "first_belief",
                "(J,)",
                "in [0, 1]",
                "P(s = 1) of the first node of each of the J chains",
            ),
            ("p_{01}", "p01", "scalar", "in (0, 1)", "the old P(1 after 0), where the tangent is"),
            ("p_{10}", "p10", "scalar", "in (0, 1)", "the old P(0 after 1)"),
        ),
        "outputs": (
            (
                r"p_{01}^{\mathrm{new}}",
                "p01",
                "scalar",
                "in [0, 1]",
                "the new P(1 after 0)",
            ),
            (
                r"p_{10}^{\mathrm{new}}",
                "p10",
                "scalar",
                "in [0, 1]",
                "the new P(0 after 1)",
            ),
        ),
        "implementation": "tvbi_ref.module_b:baum_welch",
        "exercise": "07_learning",
        "lesson": "07_module_b",
    },
    {
        "label": "em-ising",
        "title": "Gradient of the likelihood by field and couplings",
        "group": "module_b",
        "statement": r"""
            \begin{aligned}
            \frac{\partial \ln p(l)}{\partial h} &= \sum_n (b_n - p_n) \\
            \frac{\partial \ln p(l)}{\partial J_{\mathrm{row}}}
            &= \sum_{i,j} \sum_{s,s'} x\, x' \bigl[ b^{\mathrm{row}}_{ij}(s, s')
            - p^{\mathrm{row}}_{ij}(s, s') \bigr] \\
            \frac{\partial \ln p(l)}{\partial J_{\mathrm{col}}}
            &= \sum_{i,j} \sum_{s,s'} x\, x' \bigl[ b^{\mathrm{col}}_{ij}(s, s')
            - p^{\mathrm{col}}_{ij}(s, s') \bigr] \\
            x &= 2s - 1, \qquad x' = 2s' - 1
            \end{aligned}
            """,
        "inputs": (
            BELIEF,
            HORIZONTAL,
            VERTICAL,
            ("p_n", "prior_belief", "(I, J)", "in [0, 1]", "P(s = 1) without the evidence"),
            (
                r"p^{\mathrm{row}}_{ij}",
                "prior_horizontal",
                "(I, J-1, 2, 2)",
                "in [0, 1]",
                "joint belief of (i, j) and (i, j+1) without the evidence",
            ),
            (
                r"p^{\mathrm{col}}_{ij}",
                "prior_vertical",
                "(I-1, J, 2, 2)",
                "in [0, 1]",
                "joint belief of (i, j) and (i+1, j) without the evidence",
            ),
        ),
        "outputs": (
            (r"\partial \ln p(l) / \partial h", "d_field", "scalar", "real", "by one common field"),
            (
                r"\partial \ln p(l) / \partial J_{\mathrm{row}}",
                "d_coupling_row",
                "scalar",
                "real",
                "by the coupling of the row edges",
            ),
            (
                r"\partial \ln p(l) / \partial J_{\mathrm{col}}",
                "d_coupling_col",
                "scalar",
                "real",
                "by the coupling of the column edges",
            ),
        ),
        "implementation": "tvbi_ref.module_b:likelihood_gradient",
        "exercise": "07_learning",
        "lesson": "07_module_b",
    },
    # 5. Turbo exchange
    {
        "label": "extrinsic-a",
        "title": "Module A's message to Module B",
        "group": "turbo",
        "statement": r"""
            l_n = \operatorname{logit}\tilde\pi_n - \operatorname{logit}\pi_n
            """,
        "inputs": (
            (
                r"\operatorname{logit}\tilde\pi_n",
                "posterior",
                "(I, J)",
                "log-odds, real",
                "Module A's result",
            ),
            (
                r"\operatorname{logit}\pi_n",
                "incoming",
                "(I, J)",
                "log-odds, real",
                "the message that Module A had been given",
            ),
        ),
        "outputs": (("l_n", "extrinsic", "(I, J)", "log-odds, real", "what is new in the result"),),
        "implementation": "tvbi_ref.turbo:extrinsic",
        "task": "extrinsic_a",
        "exercise": "08_turbo",
        "lesson": "08_turbo",
    },
    {
        "label": "turbo-loop",
        "title": "One round of the turbo loop",
        "group": "turbo",
        "statement": r"""
            \begin{aligned}
            \text{A, old } \pi: \quad
            \bigl( \operatorname{logit}\tilde\pi_n^{\mathrm{old}},\;
            \langle\rho_n\rangle^{\mathrm{old}} \bigr)
            &= A(m_n,\, \operatorname{logit}\pi_n) \\
            \text{A to B:} \quad
            l_n &= \operatorname{logit}\tilde\pi_n^{\mathrm{old}} - \operatorname{logit}\pi_n \\
            \text{B to A:} \quad
            \operatorname{logit}\pi_n^{\mathrm{new}} &= B_n(l) \\
            \text{A, new } \pi: \quad
            \bigl( \operatorname{logit}\tilde\pi_n,\; \langle\rho_n\rangle \bigr)
            &= A(m_n,\, \operatorname{logit}\pi_n^{\mathrm{new}})
            \end{aligned}
            """,
        "inputs": (
            SECOND_MOMENT,
            (
                r"\operatorname{logit}\pi_n",
                "prior_log_odds",
                "(I, J)",
                "log-odds, real",
                "Module B's last message",
            ),
            (
                "A",
                "module_a",
                "function",
                "two (I, J) to two (I, J)",
                "Module A's step for rho and s: of m and logit pi, gives the log-odds of "
                "q(s = 1) and the mean of rho; one that remembers goes one step on with each call",
            ),
            (
                "B",
                "module_b",
                "function",
                "(I, J) to (I, J)",
                "Module B: of the evidence l, gives logit pi, without l",
            ),
        ),
        "outputs": (
            EVIDENCE,
            (
                r"\operatorname{logit}\pi_n^{\mathrm{new}}",
                "prior_log_odds",
                "(I, J)",
                "log-odds, real",
                "Module B's new message",
            ),
            SUPPORT_LOG_ODDS,
            EXPECTED_PRECISION,
        ),
        "implementation": "tvbi_ref.turbo:turbo_round",
        "exercise": "08_turbo",
        "lesson": "08_turbo",
    },
    # 6. From posterior to a small network
    {
        "label": "prune",
        "title": "Which weights are kept",
        "group": "compression",
        "statement": r"""
            k_n = \begin{cases}
            1 & \text{if } \tilde\pi_n \ge \tfrac12, \text{ that is }
            \operatorname{logit}\tilde\pi_n \ge 0 \\
            0 & \text{otherwise}
            \end{cases}
            """,
        "inputs": (SUPPORT_LOG_ODDS,),
        "outputs": (("k_n", "mask", "(I, J)", "bool", "True: the weight stays"),),
        "implementation": "tvbi_ref.compression:keep_mask",
        "exercise": "09_small_network",
        "lesson": "11_small_and_fast",
    },
    {
        "label": "bits",
        "title": "Least bits a kept weight without structure",
        "group": "compression",
        "statement": r"""
            \begin{aligned}
            \mathrm{bits} &= \frac{\sum_\ell N_\ell\, H(p_\ell)}{\sum_\ell N_\ell\, p_\ell}, \qquad
            \text{for one layer } \frac{H(p)}{p}, \qquad
            p_\ell = \frac{1}{N_\ell} \sum_{i,j} k^{(\ell)}_{ij} \\
            H(p) &= -p \log_2 p - (1 - p) \log_2(1 - p), \qquad H(0) = H(1) = 0, \qquad
            \mathrm{bits} = 0 \text{ if nothing is kept}
            \end{aligned}
            """,
        "inputs": (
            (
                r"k^{(\ell)}_{ij}",
                "masks",
                "list of (I, J)",
                "bool",
                "which weights of each layer are kept; N is the layer's size",
            ),
        ),
        "outputs": ((r"\mathrm{bits}", "bits", "scalar", ">= 0", "bits a kept weight"),),
        "implementation": "tvbi_ref.compression:entropy_bound",
        "exercise": "09_small_network",
        "lesson": "11_small_and_fast",
    },
    {
        "label": "sparse-forward",
        "title": "A pruned layer computed from its clusters",
        "group": "compression",
        "statement": r"""
            y_{rj} = b_j + \sum_{k = P_j}^{P_{j+1} - 1}\ \sum_{i=0}^{n_k - 1}
            x_{r,\, u_k + i}\; v_{o_k + i}, \qquad
            o_k = \sum_{k' \lt k} n_{k'}
            """,
        "inputs": (
            ("x", "x", "(B, I)", "real", "the layer's inputs, a row for each example"),
            ("b_j", "bias", "(J,)", "real", "of each neuron"),
            ("P_j", "pointers", "(J+1,)", "int >= 0", "neuron j's first cluster, rising from 0"),
            ("u_k", "starts", "(K,)", "int >= 0", "the first input of cluster k"),
            ("n_k", "lengths", "(K,)", "int >= 1", "how many inputs cluster k covers"),
            ("v", "values", "(sum of n_k,)", "real", "the kept weights, cluster after cluster"),
        ),
        "outputs": (("y_{rj}", "output", "(B, J)", "real", "the layer's outputs"),),
        "implementation": "tvbi_ref.compression:cluster_forward",
        "exercise": "09_small_network",
        "lesson": "11_small_and_fast",
    },
)
