"""Types of the bindings. Their module is named after the interface alone, unless another interface of
the world has the same name."""

try:
    from wit_world.imports import alga_http_types as http
except ImportError:
    from wit_world.imports import types as http

try:
    from wit_world.imports import alga_psa_types as psa
except ImportError:
    psa = None
