"""Trainers of TRL and sentence-transformers are recorded as the Trainer that they are, with what they log in addition."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.integrations.torch.loops import errors, given, quiet
from tests.integrations.transformers.trainers import LOGGED, Noted
from traingauge.integrations.transformers import MonitorCallback

pytestmark = pytest.mark.filterwarnings("ignore")  # of these libraries

WORDS = ("<pad>", "<eos>", "<unk>", "the", "a", "red", "big", "cat", "dog", "ran", "sat")

#: Those that the Trainer logs, too, or that belong to no step.
COMMON = {"loss", "grad_norm", "learning_rate", "epoch"}

SIZES = {
    "vocab_size": len(WORDS),
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
}


def tokenizer():
    made = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
    )


def saved(folder, model):
    """Where these trainers load a model from."""
    model.save_pretrained(folder / "model")
    tokenizer().save_pretrained(folder / "model")
    return str(folder / "model")


def settings(folder, **more: Any) -> dict[str, Any]:
    return {
        "output_dir": str(folder),
        "max_steps": 3,
        "gradient_accumulation_steps": 2,
        "per_device_train_batch_size": 2,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        **more,
    }


def supervised(trl, data, args):
    return (
        trl.SFTTrainer,
        trl.SFTConfig(max_length=16, **args),
        data.from_dict({"text": ["the red cat ran"] * 12}),
        {},
    )


def preferring(trl, data, args):
    pairs = {"prompt": ["the red"] * 12, "chosen": [" cat ran"] * 12, "rejected": [" dog"] * 12}
    return trl.DPOTrainer, trl.DPOConfig(max_length=16, **args), data.from_dict(pairs), {}


def rewarded(trl, data, args):
    config = trl.GRPOConfig(num_generations=2, max_completion_length=4, beta=0.1, **args)
    rewards = {"reward_funcs": [lambda completions, **_: [float(len(one)) for one in completions]]}
    return trl.GRPOTrainer, config, data.from_dict({"prompt": ["the red", "a big"] * 6}), rewards


@pytest.mark.parametrize(
    ("kind", "logs"),
    [
        (supervised, {"entropy", "mean_token_accuracy"}),
        (preferring, {"rewards/margins", "rewards/accuracies", "logps/chosen"}),
        (rewarded, {"reward", "reward_std", "kl", "entropy", "completions/mean_length"}),
    ],
)
def test_a_trainer_of_trl_has_its_losses_and_whatever_it_logs(tmp_path, kind, logs):
    trl = pytest.importorskip("trl", reason="make test-integrations installs it")
    data = pytest.importorskip("datasets").Dataset
    path = saved(
        tmp_path,
        LlamaForCausalLM(LlamaConfig(max_position_embeddings=64, pad_token_id=0, eos_token_id=1, **SIZES)),
    )
    noted = Noted()
    with quiet() as monitor:
        made, args, rows, more = kind(trl, data, settings(tmp_path))
        made(
            model=path, args=args, train_dataset=rows, callbacks=[MonitorCallback(monitor), noted], **more
        ).train()
        steps = [one for one in noted.logs if "loss" in one]
        near = {"abs": 1e-6, **LOGGED}  # rewards have losses around 0
        assert given(monitor, "loss") == pytest.approx([one["loss"] for one in steps], **near)
        assert given(monitor, "learning_rate") == [one["learning_rate"] for one in steps]
        assert given(monitor, "gradient_norm") == pytest.approx([one["grad_norm"] for one in steps])
        names = set(steps[0]) - COMMON
        assert names >= logs
        for name in names:
            assert given(monitor, name) == noted.of(name), name
        assert errors(monitor) == {}


def test_a_trainer_of_sentence_transformers_has_its_losses_and_the_scores_of_its_evaluator(tmp_path):
    library = pytest.importorskip("sentence_transformers", reason="make test-integrations installs it")
    data = pytest.importorskip("datasets").Dataset
    model = library.SentenceTransformer(saved(tmp_path, BertModel(BertConfig(**SIZES))), device="cpu")
    pairs = data.from_dict(
        {"anchor": ["the red cat", "a big dog"] * 6, "positive": ["cat ran", "dog sat"] * 6}
    )
    evaluation, losses = (import_module(f"sentence_transformers.{name}") for name in ("evaluation", "losses"))
    evaluator = evaluation.EmbeddingSimilarityEvaluator(
        ["the cat", "a dog", "red"], ["cat", "sat", "big"], [1.0, 0.0, 0.5], name="dev"
    )
    args = library.SentenceTransformerTrainingArguments(
        **settings(tmp_path, eval_strategy="steps", eval_steps=3)
    )
    noted = Noted()
    with quiet() as monitor:
        library.SentenceTransformerTrainer(
            model=model,
            args=args,
            train_dataset=pairs,
            eval_dataset=pairs,
            loss=losses.MultipleNegativesRankingLoss(model),
            evaluator=evaluator,
            callbacks=[MonitorCallback(monitor), noted],
        ).train()
        assert given(monitor, "loss") == pytest.approx(noted.of("loss"), **LOGGED)
        assert given(monitor, "loss", "validation") == noted.of("eval_loss")
        assert given(monitor, "dev_spearman_cosine", "validation") == noted.of("eval_dev_spearman_cosine")
        assert errors(monitor) == {}
