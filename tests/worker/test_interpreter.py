"""Which of torch's operations are replayed, and what their arguments may be."""

import re

import numpy as np
import pytest
import torch

from harness.worker.graph import GraphError, graph_of
from harness.worker.interpreter import Interpreter
from harness.worker.operations import EXCHANGED, GROUPS, OPERATIONS

TRUSTING = re.compile(
    r"aten\.(segment_reduce|_?ctc_loss|\w*_backward|fbgemm|_reshape_alias|_copy_from|_?resize|set_?\."
    r"|_unsafe_(?!view)|\w*storage|from_file|\w*_nested|\w*sparse|\w*quantize|\w*mkldnn_(?!rnn)|lu_|ldl|\w*pack"
    r"|_int_mm|_fused_|_foreach|view\.dtype|\w*embedding_bag|record_stream|\w*rand|ormqr|geqrf|save)"
)
"""Some that read beyond a tensor, leave memory unwritten where strides overlap, hold pointers, change a tensor's memory or reinterpret bits."""


def program(*nodes, result, constants=(), storages=(), batch_size=1):
    """A graph of one program whose constants are the tensors 1, 2 and so on."""
    header = {
        "programs": [[batch_size, [[n + 1, n] for n in range(len(constants))],
                      [[f"aten.{op}", args, kwargs, outputs] for op, args, kwargs, outputs in nodes],
                      result]],
        "constants": [list(c) for c in constants],
        "storages": [len(s) for s in storages],
    }  # fmt: skip
    payload = np.frombuffer(b"".join(storages), "u1")
    return Interpreter(graph_of(header, payload), device="cpu")


X = {"tensor": 0}


def test_no_operation_that_trusts_its_caller_is_listed():
    assert not [name for name in OPERATIONS if TRUSTING.match(name)]
    assert {"aten.add.Tensor", "aten.convolution.default"} | EXCHANGED <= OPERATIONS.keys()


def test_each_operation_is_listed_once_exists_and_is_no_composite_of_others():
    names = [name for group in GROUPS for name in group]
    assert len(names) == len(set(names))
    for name in names:
        _, packet, overload = name.split(".")
        operation = getattr(getattr(torch.ops.aten, packet), overload)
        composite = torch._C._dispatch_has_kernel_for_dispatch_key(
            operation.name(), "CompositeImplicitAutograd"
        )
        assert not composite, name
        assert not any(a.is_out for a in operation._schema.arguments), name


@pytest.mark.parametrize(
    "op",
    ["segment_reduce.default", "ctc_loss.IntList", "native_batch_norm_backward.default",
     "fbgemm_pack_gemm_matrix_fp16.default", "_embedding_bag.default", "_int_mm.default", "relu.out", "nothing.at_all"],
)  # fmt: skip
def test_any_other_operation_is_refused_by_its_name_and_told_how_to_list_it(op):
    with pytest.raises(GraphError, match=rf"computes aten.{op}, which the audit .* says how to"):
        program((op, [X], {}, [1]), result=1)


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (("relu.default", [3.5, 1], {}, [1]), "more arguments"),
        (("relu.default", [X], {"self": X}, [1]), "more arguments"),
        (("relu.default", [X], {"junk": 1}, [1]), "unknown arguments, or lacks"),
        (("relu.default", [], {}, [1]), "unknown arguments, or lacks"),
        (("relu.default", [[X]], {}, [1]), "expected a tensor for self"),
        (("relu.default", ["text"], {}, [1]), "expected a tensor for self"),
        (("relu.default", [{"tensor": 0.0}], {}, [1]), "expected a tensor for self"),
        (("relu.default", [{"tensor": 0, "more": 1}], {}, [1]), "expected a tensor for self"),
        (("cat.default", [X], {}, [1]), "expected a list for tensors"),
        (("select.int", [X, 0, 2**31], {}, [1]), "expected an integer of 32 bits for index"),
        (("select.int", [X, 0, True], {}, [1]), "expected an integer of 32 bits for index"),
        (("select.int", [X, 0, 1.0], {}, [1]), "expected an integer of 32 bits for index"),
        (("gelu.default", [X], {"approximate": "some"}, [1]), "expected an allowed string"),
        (("gelu.default", [X], {"approximate": ["none"]}, [1]), "expected an allowed string"),
        (("zeros.default", [[2]], {"dtype": "float32"}, [1]), "expected a dtype for dtype"),
        (("zeros.default", [[2]], {"dtype": {"dtype": "quint8"}}, [1]), "expected a dtype"),
        (("zeros.default", [[2]], {"device": {"device": "meta"}}, [1]), "expected the device"),
        (("zeros.default", [[2]], {"device": {"device": "~"}}, [1]), "expected the device"),
        (("zeros.default", [[2]], {"layout": {"layout": "sparse_coo"}}, [1]), "expected a strided"),
        (("zeros.default", [[2]], {"pin_memory": True}, [1]), "expected no value for pin_memory"),
        (("rrelu_with_noise.default", [X, X, 0.1, 0.2, True], {}, [1]), "draws random numbers"),
        (("relu.default", [{"tensor": 1}], {}, [1]), "reads an undefined tensor"),
    ],
)  # fmt: skip
def test_arguments_have_the_types_that_the_operation_declares(node, told):
    with pytest.raises(GraphError, match=told):
        program(node, result=1)


def test_scratch_memory_of_an_operation_cannot_be_read():
    norm = ("native_layer_norm.default", [X, [4], None, None, 1e-5], {}, [1, 2, 3])
    assert program(norm, result=1).run(torch.ones(1, 4), program=0).shape == (1, 4)
    for scratch in (2, 3):
        reads = program(norm, ("neg.default", [{"tensor": scratch}], {}, [4]), result=4)
        with pytest.raises(GraphError, match="reads an undefined tensor"):
            reads.run(torch.ones(1, 4), program=0)
        with pytest.raises(GraphError):
            program(norm, result=scratch).run(torch.ones(1, 4), program=0)


@pytest.mark.parametrize(
    ("constants", "storage", "told"),
    [
        ([(0, "float32", (3,), (1,), 0)], bytes(8), "beyond the end"),
        ([(0, "float32", (2,), (1,), 1)], bytes(8), "beyond the end"),
        ([(0, "float32", (2, 2), (9, 1), 0)], bytes(16), "beyond the end"),
        ([(0, "float32", (2,), (1, 1), 0)], bytes(8), "as many strides as sizes"),
        ([(0, "bool", (2,), (1,), 0)], b"\x01\x07", "neither 0 nor 1"),
        ([(0, "quint8", (2,), (1,), 0)], bytes(2), "not supported"),
        ([(0, "float32", (2,), (1,), 0), (0, "int32", (2,), (1,), 0)], bytes(8), "as two dtypes"),
        ([(0, "uint8", (2,), (1,), 0), (0, "bool", (2,), (1,), 0)], bytes(2), "as two dtypes"),
    ],
)  # fmt: skip
def test_constants_lie_within_their_storage_which_is_read_as_one_dtype(constants, storage, told):
    with pytest.raises(GraphError, match=told):
        program(result=0, constants=constants, storages=[storage])


def test_complex_weights_are_read_as_their_parts_too():
    pairs = [(0, "complex64", (1,), (1,), 0), (0, "float32", (2,), (1,), 0)]
    assert program(result=2, constants=pairs, storages=[bytes(8)]).run(
        torch.ones(1), program=0
    ).shape == (2,)
