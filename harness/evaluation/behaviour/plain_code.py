"""Plain code: a subset of Python in which nothing can look at the module that it stands in.

In plain code, a class, function or variable of the module is reached only where its name is
written. It has no name with two underscores but for a few methods, no built-in function by which
code looks at code, no attributes by a computed name, and of each imported module only members that
are listed here. Docstrings, positions and definitions that nobody names are then out of its reach.
"""

import ast
import builtins
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_METHODS = frozenset({"__init__", "__call__", "__len__", "__getitem__", "__iter__", "__repr__"})
"""Methods with a name of Python's that plain code may define."""
_BUILTINS = frozenset(
    {
        "abs", "all", "any", "bool", "complex", "dict", "divmod", "enumerate", "filter", "float",
        "format", "frozenset", "getattr", "hasattr", "hash", "id", "input", "int", "isinstance",
        "issubclass", "iter", "len", "list", "map", "max", "min", "next", "object", "pow", "print",
        "property", "range", "repr", "reversed", "round", "set", "setattr", "slice", "sorted",
        "staticmethod", "str", "sum", "super", "tuple", "zip",
    }
)  # fmt: skip
_BY_PLACE = frozenset({"getattr", "hasattr", "setattr", "super"})
_OTHER_BUILTINS = frozenset(
    name for name, value in vars(builtins).items()
    if name not in _BUILTINS and not (isinstance(value, type) and issubclass(value, Exception))
)  # fmt: skip
_ATTRIBUTES = re.compile(
    r"(gi|tb)_\w+|f_(back|builtins|code|globals|locals)|mro|format|format_map|compile|ctypes|numpy"
    r"|_?all_weights|_\w*flat_weights\w*|_weights_have_changed|_?\w*evaluate"
    r"|_(inst|name|getitem|nparams|special|paramspec_tvars|typevar_types|is_protocol)"
)
"""Attributes by which an object leads to frames, code, classes, or attributes named in a text.

Of RNNs, those that look up names in a list; of typing, those that evaluate a text or decide what
an annotation does when it is evaluated."""
_NODES = (
    ast.Module, ast.FunctionDef, ast.ClassDef, ast.Return, ast.Delete, ast.Assign, ast.AugAssign,
    ast.AnnAssign, ast.For, ast.While, ast.If, ast.With, ast.Raise, ast.Try, ast.Assert, ast.Import,
    ast.ImportFrom, ast.Global, ast.Nonlocal, ast.Expr, ast.Pass, ast.Break, ast.Continue,
    ast.BoolOp, ast.NamedExpr, ast.BinOp, ast.UnaryOp, ast.Lambda, ast.IfExp, ast.Dict, ast.Set,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Yield, ast.YieldFrom,
    ast.Compare, ast.Call, ast.FormattedValue, ast.JoinedStr, ast.Constant, ast.Attribute,
    ast.Subscript, ast.Starred, ast.Name, ast.List, ast.Tuple, ast.Slice, ast.comprehension,
    ast.ExceptHandler, ast.arguments, ast.arg, ast.keyword, ast.alias, ast.withitem,
    ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop,
)  # fmt: skip
_TORCH = """
    Tensor Size FloatTensor LongTensor BoolTensor Generator
    bool int8 int16 int32 int64 uint8 int long short half float double float16 float32 float64
    bfloat16 complex64 complex128 device dtype strided channels_last contiguous_format
    preserve_format e inf nan pi newaxis finfo iinfo
    tensor as_tensor from_numpy zeros ones empty full eye arange linspace logspace zeros_like
    ones_like empty_like full_like rand randn randint randperm rand_like randn_like randint_like
    bernoulli multinomial normal poisson manual_seed
    no_grad enable_grad inference_mode set_grad_enabled is_grad_enabled is_tensor numel
    cat concat concatenate stack hstack vstack dstack split chunk tensor_split unbind squeeze
    unsqueeze reshape flatten unflatten ravel transpose swapaxes permute movedim moveaxis flip
    fliplr flipud roll rot90 repeat_interleave tile broadcast_to broadcast_tensors meshgrid
    cartesian_prod combinations narrow select index_select masked_select masked_fill where gather
    scatter scatter_add index_add take take_along_dim nonzero diag diagonal diag_embed block_diag
    tril triu tril_indices triu_indices
    abs absolute add addcdiv addcmul sub subtract mul multiply div divide true_divide floor_divide
    remainder fmod neg negative positive reciprocal pow square sqrt rsqrt exp exp2 expm1 log log2
    log10 log1p logaddexp logsumexp logcumsumexp sin cos tan asin acos atan atan2 arctan arctan2
    sinh cosh tanh asinh acosh atanh arctanh erf erfc erfinv sigmoid logit sign sgn ceil floor
    round trunc frac clamp clip clamp_min clamp_max lerp maximum minimum fmax fmin hypot heaviside
    sinc softmax log_softmax relu selu celu prelu rrelu dropout threshold i0 lgamma digamma
    sum nansum mean nanmean median mode max min amax amin aminmax std var std_mean var_mean prod
    cumsum cumprod cummax cummin diff norm dist argmax argmin argsort sort topk kthvalue quantile
    unique unique_consecutive count_nonzero bincount histc searchsorted bucketize any all
    renorm isnan isinf isfinite isclose allclose equal eq ne lt le gt ge nan_to_num
    logical_and logical_or logical_not logical_xor bitwise_and bitwise_or bitwise_not bitwise_xor
    mm bmm matmul mv dot vdot inner outer ger addmm addbmm baddbmm addmv addr tensordot einsum
    chain_matmul kron cross trace det inverse pinverse cov corrcoef cdist cosine_similarity
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d avg_pool1d max_pool1d
    max_pool2d max_pool3d adaptive_avg_pool1d adaptive_max_pool1d batch_norm layer_norm group_norm
    instance_norm pixel_shuffle pixel_unshuffle channel_shuffle bilinear embedding clone detach
    real imag view_as_real view_as_complex complex polar conj angle
"""
_CLASSES = re.compile(r"[A-Z]\w*")
_FUNCTIONS = re.compile(
    r"(?!(?:dataclasses|grad|importlib|init|math|np|torch|utils|warnings"
    r"|boolean_dispatch|handle_torch_function|has_torch_function\w*|common_args|\w+_notes)$)[a-z]\w*"
)
_LOWER = re.compile(r"[a-z]\w*")
_MEMBERS: Mapping[str, re.Pattern[str]] = {
    "torch": re.compile("|".join(_TORCH.split())),
    "torch.nn": re.compile(r"(?!(?:ParameterDict|Container)$)[A-Z]\w*"),  # items are attributes
    "torch.nn.functional": _FUNCTIONS,
    "torch.nn.init": re.compile(r"[a-z]\w*_|calculate_gain"),
    "torch.fft": _FUNCTIONS,
    "torch.linalg": _FUNCTIONS,
    "torch.optim": _CLASSES,
    "math": _LOWER,
    "itertools": _LOWER,
    "functools": re.compile("partial|reduce"),
    "copy": re.compile("copy|deepcopy"),
    "collections": re.compile("Counter|OrderedDict|defaultdict|deque"),
    "typing": re.compile(
        "Any|Callable|Dict|Iterable|Iterator|List|Optional|Sequence|Set|Tuple|Union"
    ),
    "__future__": re.compile("annotations"),
}
"""Modules that plain code may import, all loaded with torch, and members that it may name."""


def imported(tree: ast.Module) -> dict[str, str] | None:
    """Return the path of each imported name, as ``torch.nn`` for ``nn``, of a plain module.

    Args:
        tree: The module, without docstrings.

    Returns:
        The paths; None if the module is not plain.
    """
    nodes = list(ast.walk(tree))
    paths = _imports(tree)
    if paths is None or not all(isinstance(node, _NODES) for node in nodes):
        return None
    places = _Places.of(tree)
    plain = all(_is_plain(node, paths, places) for node in nodes)
    return paths if plain and "super" not in bound(tree) else None


def path_of(node: ast.expr, paths: Mapping[str, str]) -> str | None:
    """Return the path of what an expression names of an imported module, None for others."""
    if isinstance(node, ast.Name):
        return paths.get(node.id)
    if isinstance(node, ast.Attribute):
        module = path_of(node.value, paths)
        return f"{module}.{node.attr}" if module in _MEMBERS else None
    return None


def binds(node: ast.AST) -> bool:
    """Return whether a node itself binds a name, in any scope."""
    return bool(_binds(node))


def bound(*trees: ast.AST) -> Counter[str]:
    """Return how often trees bind each name, in any scope."""
    return Counter(name for tree in trees for node in ast.walk(tree) for name in _binds(node))


def mentioned(*trees: ast.AST) -> Counter[str]:
    """Return how often trees write each name: as a name, an attribute, a keyword or in a text."""
    return Counter(name for tree in trees for node in ast.walk(tree) for name in _writes(node))


def _binds(node: ast.AST) -> Iterable[str]:
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.alias):
        return [_bound_by(node)]
    if isinstance(node, ast.ExceptHandler):
        return [node.name] if node.name else []
    return node.names if isinstance(node, (ast.Global, ast.Nonlocal)) else []


def _writes(node: ast.AST) -> Iterable[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [node.attr]
    if isinstance(node, ast.keyword):
        return [node.arg] if node.arg else []
    if isinstance(node, ast.Constant):
        return re.findall(r"\w+", node.value) if isinstance(node.value, str) else []
    return _binds(node)


def _bound_by(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _imports(tree: ast.Module) -> dict[str, str] | None:
    """Return the path of each imported name; None unless each names one thing for good."""
    paths: dict[str, str] = {}
    imports: Counter[str] = Counter()
    for alias, path in _aliases(tree):
        if paths.setdefault(_bound_by(alias), path) != path:
            return None
        imports[_bound_by(alias)] += 1
    binds = bound(tree)  # those below the top level, too
    return paths if all(binds[name] == imports[name] for name in paths) else None


def _aliases(tree: ast.Module) -> Iterator[tuple[ast.alias, str]]:
    """Yield each name that the top level imports, with the path that it stands for."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias, alias.name if alias.asname else alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom):
            yield from ((alias, f"{node.module}.{alias.name}") for alias in node.names)


@dataclass(frozen=True)
class _Places:
    """Identities of nodes that stand where plain code may have them."""

    imports: frozenset[int]
    """At the top level."""
    owners: frozenset[int]
    """Of which an attribute is read: only there is a module named."""
    called: frozenset[int]
    """``super`` without arguments, and ``getattr`` and the like with a plain text for the name."""
    constructors: frozenset[int]
    """``super().__init__``."""
    sets: frozenset[int]
    """Displays of sets in which a value is looked up."""
    own: frozenset[str]
    """Names that the source itself gives to attributes and methods."""

    @classmethod
    def of(cls, tree: ast.Module) -> "_Places":
        nodes = list(ast.walk(tree))
        attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        return cls(
            imports=frozenset(map(id, tree.body)),
            owners=frozenset(id(one.value) for one in attributes),
            called=frozenset(id(one.func) for one in calls if _is_plain_call(one)),
            constructors=frozenset(id(one) for one in attributes if _is_constructor(one)),
            sets=frozenset(
                id(within)
                for one in nodes
                if isinstance(one, ast.Compare)
                for operator, within in zip(one.ops, one.comparators, strict=True)
                if isinstance(operator, (ast.In, ast.NotIn))
            ),
            own=frozenset(one.attr for one in attributes if isinstance(one.ctx, ast.Store))
            | frozenset(bound(tree)),
        )


def _is_plain_call(call: ast.Call) -> bool:
    """Return whether a call of ``super`` or of a look-up by name is plain."""
    if not isinstance(call.func, ast.Name):
        return False
    if call.func.id == "super":
        return not (call.args or call.keywords)
    match call.args:
        case [owner, ast.Constant(value=str(name)), *_]:
            is_plain = _is_plain_attribute(name) and not name.startswith("_")
            return is_plain and not isinstance(owner, ast.Starred)
    return False


def _is_constructor(node: ast.Attribute) -> bool:
    made = node.value.func if isinstance(node.value, ast.Call) else None
    return node.attr == "__init__" and isinstance(made, ast.Name) and made.id == "super"


def _is_plain(node: ast.AST, paths: Mapping[str, str], places: _Places) -> bool:
    """Return whether one node is plain, given that those below it are."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return id(node) in places.imports and _is_plain_import(node)
    if isinstance(node, ast.Attribute):
        return _is_plain_access(node, paths, places)
    if isinstance(node, ast.FunctionDef) and node.name in _METHODS:
        return True
    if any("__" in name for name in (*_binds(node), *_writes(node))):
        return False
    if isinstance(node, ast.Name):
        known = node.id not in _OTHER_BUILTINS
        as_owner = paths.get(node.id) not in _MEMBERS or id(node) in places.owners
        return known and as_owner and (node.id not in _BY_PLACE or id(node) in places.called)
    has_metaclass = isinstance(node, ast.ClassDef) and bool(node.keywords)
    # The order of a set of constants is that of an equal one in any code before it.
    has_order = isinstance(node, ast.Set) and id(node) not in places.sets
    return not (has_metaclass or has_order or _may_end_late(node))


def _may_end_late(node: ast.AST) -> bool:
    """Return whether code may run when garbage is collected, as removed classes are."""
    return isinstance(node, (ast.Try, ast.With)) and any(
        isinstance(one, (ast.Yield, ast.YieldFrom)) for one in ast.walk(node)
    )


def _is_plain_access(node: ast.Attribute, paths: Mapping[str, str], places: _Places) -> bool:
    """Return whether an attribute is plain, given its owner."""
    module = path_of(node.value, paths)
    if module is None or module not in _MEMBERS:
        is_own = node.attr in places.own or not node.attr.startswith("_")
        return (is_own and _is_plain_attribute(node.attr)) or id(node) in places.constructors
    is_module = f"{module}.{node.attr}" in _MEMBERS and id(node) in places.owners
    is_member = is_module or _MEMBERS[module].fullmatch(node.attr)
    return bool(is_member) and isinstance(node.ctx, ast.Load)


def _is_plain_import(node: ast.Import | ast.ImportFrom) -> bool:
    if any("__" in (alias.asname or "") for alias in node.names):
        return False
    if isinstance(node, ast.Import):
        return all(alias.name in _MEMBERS for alias in node.names)
    module = node.module or ""
    return (
        not node.level
        and module in _MEMBERS
        and all(
            f"{module}.{alias.name}" in _MEMBERS or bool(_MEMBERS[module].fullmatch(alias.name))
            for alias in node.names
        )
    )


def _is_plain_attribute(name: str) -> bool:
    return "__" not in name and not _ATTRIBUTES.fullmatch(name)
