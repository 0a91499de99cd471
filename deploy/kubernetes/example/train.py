"""Train a linear classifier on handwritten digits, in a pod that Prometheus scrapes."""

from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from traingauge import Endpoint, ModelMonitor

BATCH = 64

x, x_validation, y, y_validation = train_test_split(*load_digits(return_X_y=True), random_state=0)
model = SGDClassifier(loss="log_loss", random_state=0)

# The pod's variables name model and run, and let the endpoint listen on all addresses. There is no folder for a discovery
# file: the pod's annotations say what would be in it.
with ModelMonitor(thresholds={"accuracy": 0.9}, delivery=[Endpoint(discovery_dir=False)]) as monitor:
    for _ in range(20):
        for start in range(0, len(x), BATCH):
            batch, labels = x[start : start + BATCH], y[start : start + BATCH]
            model.partial_fit(batch, labels, classes=range(10))
            monitor.step(y_true=labels, y_pred=model.predict(batch))
        monitor.evaluate("validation", y_true=y_validation, y_pred=model.predict(x_validation))
