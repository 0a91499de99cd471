"""As Transformers' example of text classification: handwritten digits, read as sequences of 64 grey values."""

import tempfile

import torch
from sklearn.datasets import load_digits
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from traingauge.integrations.transformers import MonitorCallback  # traingauge


def accuracy(found):
    """Part of the predictions that are right."""
    return {"accuracy": (found.predictions.argmax(-1) == found.label_ids).mean()}


def main(epochs=2, samples=1797):
    """Train on the CPU."""
    x, y = load_digits(return_X_y=True)
    data = [
        {"input_ids": torch.tensor(row).long(), "labels": int(label)}
        for row, label in zip(x[:samples], y[:samples], strict=True)
    ]
    held_out = len(data) // 5
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=17, max_position_embeddings=64, num_labels=10, **sizes)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=BertForSequenceClassification(config),
            args=TrainingArguments(
                output_dir=folder,
                num_train_epochs=epochs,
                per_device_train_batch_size=32,
                learning_rate=2e-3,
                warmup_steps=5,
                eval_strategy="epoch",
                report_to="none",
                use_cpu=True,
                dataloader_pin_memory=False,
            ),
            train_dataset=data[held_out:],
            eval_dataset=data[:held_out],
            compute_metrics=accuracy,
            callbacks=[MonitorCallback("digits")],  # traingauge
        )
        trainer.train()


if __name__ == "__main__":
    main()
