"""A classifier of handwritten digits, as a module of Lightning."""

import lightning.pytorch as pl
import torch
import torch.nn.functional as F  # noqa: N812 as everyone imports it
from torch import nn

from docs.examples.pytorch.data import loaders
from traingauge.integrations.lightning import MonitorCallback  # traingauge


class Digits(pl.LightningModule):
    """A small network."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

    def training_step(self, batch, batch_idx):
        """The loss of a batch."""
        x, y = batch
        loss = F.cross_entropy(self.net(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        """The loss of a batch that is held out."""
        x, y = batch
        return F.cross_entropy(self.net(x), y)

    test_step = validation_step

    def configure_optimizers(self):
        """Adam, whose rate a scheduler lowers at each step."""
        optimizer = torch.optim.Adam(self.parameters(), lr=0.01)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.98)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


def main(epochs=2):
    """Train and test."""
    train, held_out = loaders()
    trainer = pl.Trainer(
        max_epochs=epochs,
        accumulate_grad_batches=2,
        gradient_clip_val=1.0,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        callbacks=[MonitorCallback("digits")],  # traingauge
    )
    model = Digits()
    trainer.fit(model, train, held_out)
    trainer.test(model, held_out)


if __name__ == "__main__":
    main()
