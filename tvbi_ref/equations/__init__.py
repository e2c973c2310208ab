"""The equations: what they say (`registry`), and what answers when one is called (`sockets`).

.. code-block:: text

    print(equations.table())             one line an equation
    print(equations.get("q-precision"))  one of them; in a notebook it is typeset

    with tvbi_ref.use("numpy"): ...                    the readable form of every equation
    with tvbi_ref.use(sum_product=mine): ...           your own form of one of them
    with tvbi_ref.listen() as heard: ...               which equations ran, in order
"""

from tvbi_ref.equations.listening import Call, Heard, listen
from tvbi_ref.equations.registry import (
    EQUATIONS,
    GROUPS,
    Equation,
    Symbol,
    Table,
    get,
    table,
)
from tvbi_ref.equations.sockets import (
    ENGINES,
    Socket,
    carry,
    equation,
    fast,
    socket,
    use,
)

__all__ = [
    "ENGINES",
    "EQUATIONS",
    "GROUPS",
    "Call",
    "Equation",
    "Heard",
    "Socket",
    "Symbol",
    "Table",
    "carry",
    "equation",
    "fast",
    "get",
    "listen",
    "socket",
    "table",
    "use",
]
