"""Published models give on a GPU what their original implementations gave on a CPU; skipped without a GPU."""

import json

import published_checkpoints as checkpoints
import pytest
import torch
from published_checkpoints import adopt_layout
from published_layouts import LAYOUTS

from glmtracks.models.registry import load

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_published_model_computes_on_a_gpu_what_the_original_computes(name, tmp_path):
    torch.backends.cuda.matmul.allow_tf32 = False
    model = load(adopt_layout(name, tmp_path)).cuda()
    told = json.loads((checkpoints.FOLDER / f"{name}.json").read_text())
    ids, there = torch.tensor(told["ids"]).cuda(), torch.tensor(told["there"], dtype=torch.bool).cuda()
    with torch.inference_mode():
        last = model.states(ids, there, model.layers)
        found = {"last": last} | ({"logits": model.logits(last)} if model.scores else {})
    for key, values in found.items():
        torch.testing.assert_close(values[there].cpu(), torch.tensor(told[key])[there.cpu()], rtol=0, atol=1e-4)
