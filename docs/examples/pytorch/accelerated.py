"""As Accelerate's examples: gradient accumulation with clipping and a scheduler."""

import torch
from accelerate import Accelerator
from torch import nn

from docs.examples.pytorch.data import loaders
from traingauge.integrations.torch import watch  # traingauge


def main(epochs=2):
    """Train on the CPU; Accelerate chooses the device without that."""
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=5)
    loader, _ = loaders()
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5)
    criterion = nn.CrossEntropyLoss()
    model, optimizer, loader, scheduler = accelerator.prepare(model, optimizer, loader, scheduler)
    with watch("accelerated", model, optimizer, criterion, loader, scaler=accelerator.scaler):  # traingauge
        for _ in range(epochs):
            for inputs, labels in loader:
                with accelerator.accumulate(model):
                    accelerator.backward(criterion(model(inputs), labels))
                    if accelerator.sync_gradients:
                        accelerator.clip_grad_norm_(model.parameters(), 1.0)
                    optimizer.step()
                    scheduler.step()
                    optimizer.zero_grad()


if __name__ == "__main__":
    main()
