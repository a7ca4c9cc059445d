"""Makes the files of this folder with the libraries themselves: see README.md.

    python make_files.py trainer|lightning|tensorboard|mlflow

One small model, 100 examples in batches of 20, is trained for three epochs by each library.
"""

import shutil
import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

HERE = Path(__file__).parent
EXAMPLES, BATCH, EPOCHS = 100, 20, 3


def examples() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    inputs = torch.randn(EXAMPLES, 5)
    return inputs, (inputs[:, 0] > 0).long()


def scores(logits, labels) -> tuple[torch.Tensor, torch.Tensor]:
    return nn.functional.cross_entropy(logits, labels), (logits.argmax(1) == labels).float().mean()


def lightning(work: Path) -> None:
    """One run for the CSVLogger, and the same for the TensorBoardLogger."""
    import lightning
    from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

    class Model(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(5, 2)

        def training_step(self, batch, _):
            loss, _ = scores(self.layer(batch[0]), batch[1])
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch, _):
            loss, accuracy = scores(self.layer(batch[0]), batch[1])
            self.log_dict({"val_loss": loss, "val_acc": accuracy})

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    loader = DataLoader(TensorDataset(*examples()), batch_size=BATCH)
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    loggers = [CSVLogger(work, name="csv"), TensorBoardLogger(work, name="tb")]
    trainer = lightning.Trainer(
        max_epochs=EPOCHS, logger=loggers, log_every_n_steps=2, enable_checkpointing=False, **quiet
    )
    trainer.fit(Model(), loader, loader)
    shutil.copy(work / "csv" / "version_0" / "metrics.csv", HERE / "lightning_metrics.csv")


def tensorboard(work: Path) -> None:
    """Two runs by PyTorch's SummaryWriter."""
    from torch.utils.tensorboard import SummaryWriter

    for seed in (0, 1):
        folder = HERE / "tensorboard" / f"web_100_s{seed}"
        inputs, labels = examples()
        torch.manual_seed(seed)
        model = nn.Linear(5, 2)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        with SummaryWriter(folder) as writer:
            for step in range(1, EPOCHS * EXAMPLES // BATCH + 1):
                rows = torch.arange(BATCH) + (step - 1) * BATCH % EXAMPLES
                loss, _ = scores(model(inputs[rows]), labels[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                if step % 5 == 0:
                    value, accuracy = scores(model(inputs), labels)
                    writer.add_scalar("val/loss", value, step)
                    writer.add_scalar("val/accuracy", accuracy, step)
        for file in folder.iterdir():
            file.rename(folder / "events.out.tfevents.0.host.0.0")


def trainer(work: Path) -> None:
    """The states of the last two checkpoints."""
    from transformers import Trainer, TrainingArguments

    inputs, labels = examples()

    class Examples(Dataset):
        def __len__(self) -> int:
            return EXAMPLES

        def __getitem__(self, i):
            return {"inputs": inputs[i], "labels": labels[i]}

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(5, 2)

        def forward(self, inputs, labels):
            logits = self.layer(inputs)
            return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}

    arguments = TrainingArguments(
        str(work / "trainer"), num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH,
        eval_strategy="epoch", save_strategy="epoch", logging_steps=5, report_to=[], use_cpu=True,
        learning_rate=0.1, disable_tqdm=True, seed=7,
    )  # fmt: skip
    accuracy = lambda p: {"accuracy": float((p.predictions.argmax(1) == p.label_ids).mean())}  # noqa: E731
    Trainer(
        Model(), arguments, train_dataset=Examples(), eval_dataset=Examples(),
        compute_metrics=accuracy,
    ).train()  # fmt: skip
    for step in (10, 15):
        folder = HERE / "trainer" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        shutil.copy(work / "trainer" / folder.name / "trainer_state.json", folder)


def mlflow(work: Path) -> None:
    """Four runs, one of which fails, and the histories of two metrics."""
    import mlflow
    import pandas as pd

    mlflow.set_tracking_uri(f"sqlite:///{work}/mlflow.db")
    for seed, pool in ((0, "web"), (1, "web"), (0, "books")):
        with mlflow.start_run(run_name=f"{pool}-{seed}"):
            given = {"seed": seed, "pool": pool, "unique_samples": EXAMPLES, "samples_seen": 300}
            mlflow.log_params(given)
            for step in (5, 10, 15):
                mlflow.log_metric("val_acc", 0.5 + step / 50 + seed / 100, step=step)
                mlflow.log_metric("train_loss", 2 / step, step=step)
    mlflow.start_run(run_name="broken")
    mlflow.log_metric("val_acc", 0.1)
    mlflow.end_run("FAILED")
    runs = mlflow.search_runs()
    runs = runs.drop(columns=[name for name in runs if name.startswith("tags.mlflow.so")])
    runs["artifact_uri"] = "artifacts"
    runs["tags.mlflow.user"] = "user"
    runs.to_csv(HERE / "mlflow_runs.csv")
    client = mlflow.MlflowClient()
    history = [
        dict(metric) | {"run_id": run}
        for run in runs.loc[runs["status"] == "FINISHED", "run_id"]
        for name in ("val_acc", "train_loss")
        for metric in client.get_metric_history(run, name)
    ]
    pd.DataFrame(history).to_csv(HERE / "mlflow_history.csv", index=False)


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
