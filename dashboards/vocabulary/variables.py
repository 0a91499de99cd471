"""The variables on top of a dashboard; each narrows the next: data source, model, run, what the run has."""

from __future__ import annotations

from dashboards.vocabulary.metrics import KNOWN, series
from dashboards.vocabulary.queries import DATASOURCE, DATASOURCE_UID
from dashboards.vocabulary.sdk import dashboard, model

#: What "All" stands for: anything, in place of a list of every value.
ANYTHING = ".+"


def datasource() -> dashboard.DatasourceVariable:
    """Which Prometheus; to begin with the provisioned one."""
    return (
        dashboard.DatasourceVariable("datasource")
        .label("Data source")
        .description("The Prometheus that scrapes the runs")
        .type("prometheus")
        # Its name says what it is, and the room is needed.
        .hide(model.VariableHide.HIDE_LABEL)
        .current(model.VariableOption(text=DATASOURCE_UID, value=DATASOURCE_UID))
    )


def one_run() -> tuple[dashboard.QueryVariable, dashboard.QueryVariable]:
    """Which model and which of its runs: one of each, to begin with the newest."""
    return (
        ranked("model", "Model", "Models, the most recently trained first", _started("model"), "model"),
        ranked(
            "run",
            "Run",
            "Run of the model in the time range, the newest first",
            _started("run", model="$model"),
            "run",
        ),
    )


def many_runs() -> tuple[dashboard.QueryVariable, dashboard.QueryVariable]:
    """Which models and runs: all of them to begin with."""
    query = f"label_values({_unselected('model_run_start_timestamp_seconds')}, model)"
    models = _query("model", "Model", "Models that were trained in the time range", query)
    says = "Runs of the chosen models in the time range, the newest first"
    runs = ranked("run", "Run", says, _started("run", model="$model"), "run").multi(True)
    return models.include_all(True).all_value(ANYTHING), runs.include_all(True).all_value(ANYTHING)


def _started(by: str, **labels: str) -> str:
    """When the last run of each model, or each run, began."""
    start = _unselected("model_run_start_timestamp_seconds", **labels)
    return f"max by ({by}) (last_over_time({start}[$__range]))"


def label(
    name: str,
    title: str,
    description: str,
    metric: str,
    *,
    single: str | None = None,
    variable: str | None = None,
) -> dashboard.QueryVariable:
    """Which values of a label of the chosen runs: all of them to begin with.

    Args:
        name: The label.
        title: What stands before it.
        description: What it chooses.
        metric: The metric whose label it is.
        single: The one value to begin with, where several at once make no sense.
        variable: The variable, if it has not the label's name. Links hand variables over by name: where one dashboard has
            *All* and another has not, they are two variables.
    """
    choice = _query(variable or name, title, description, f"label_values({series(metric)}, {name})")
    if single is None:
        return choice.include_all(True).all_value(ANYTHING)
    return choice.multi(False).current(model.VariableOption(selected=True, text=single, value=single))


def ranked(name: str, title: str, description: str, expr: str, of: str) -> dashboard.QueryVariable:
    """One value of a label, to begin with that of the highest series.

    Args:
        name: The variable.
        title: What stands before it.
        description: What it chooses.
        expr: Its result has the label and no other.
        of: The label.
    """
    variable = _query(name, title, description, f"query_result(sort_desc({expr}))")
    return variable.multi(False).regex(f'/{of}="([^"]+)"/').sort(model.VariableSort.DISABLED)


def hosts() -> tuple[dashboard.QueryVariable, dashboard.QueryVariable]:
    """The hosts of the chosen run, and the targets of node_exporter on them; both follow from the run, and are not shown.

    In Kubernetes the host of a run is its pod, and node_exporter runs on the pod's node.
    """
    info = series("model_run_info")
    host = _query("host", "Host", "Hosts of the run", f"label_values({info}, host)")
    node_of_pod = f'label_replace({series("kube_pod_info", pod="$host")}, "nodename", "$1", "node", "(.+)")'
    on_hosts = f"{series('node_uname_info', nodename='$host')} or on (nodename) {node_of_pod}"
    of_nodes = f"max by (instance) ({series('node_uname_info')} and on (nodename) ({on_hosts}))"
    node = ranked("node", "Node", "Targets of node_exporter on the hosts", of_nodes, "instance").multi(True)
    hidden = model.VariableHide.HIDE_VARIABLE
    return host.include_all(True).hide(hidden), node.include_all(True).hide(hidden)


def computed(name: str, title: str, description: str, expr: str) -> dashboard.QueryVariable:
    """A number that Prometheus computes.

    Args:
        name: The variable.
        title: What stands before it.
        description: What it is for.
        expr: Its result has no labels.
    """
    variable = _query(name, title, description, f"query_result({expr})")
    return variable.multi(False).regex(r"/\{\} (\S+) /")


def _query(name: str, title: str, description: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(title)
        .description(description)
        .datasource(DATASOURCE)
        .query(query)
        .definition(query)
        .multi(True)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )


def _unselected(name: str, **labels: str) -> str:
    """Selector that the variables which come before run may use: it does not name the run itself."""
    assert name in KNOWN
    inner = ", ".join(f'{key}=~"{value}"' for key, value in labels.items())
    return f"{name}{{{inner}}}" if inner else name
