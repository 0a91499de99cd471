"""The variables on top of a dashboard; each narrows the next: model, run, what the run has. The data source is the last."""

from __future__ import annotations

from dashboards.vocabulary.identity import IDENTITY
from dashboards.vocabulary.metrics import series
from dashboards.vocabulary.queries import DATASOURCE, DATASOURCE_UID
from dashboards.vocabulary.sdk import dashboard, model
from traingauge.catalog import RUN_LABELS

#: The labels of identity that have a control on dashboards of many runs; a control for each would take a third row.
_SHOWN = 2

#: What "All" stands for, in place of a list of every value.
ANYTHING, ANYTHING_OR_NOTHING = ".+", ".*"


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


def one_run() -> list[dashboard.QueryVariable]:
    """Which model and which of its runs, one of each, to begin with the newest; and where that run is.

    The latter is not shown. It follows from the run, and a link says which one, where a model has runs of one name in
    several places.
    """
    says = {
        "model": "Models, the most recently trained first",
        "run": "Run of the model in the time range, the newest first",
    }
    chosen: list[str] = []
    variables = []
    for name in (*RUN_LABELS, *IDENTITY):
        title = name.capitalize()
        description = says.get(name, f"{title} of the run, of the newest first")
        variables.append(ranked(name, title, description, _started(name, *chosen, equals="="), name))
        chosen.append(name)
    for variable, name in zip(variables[len(RUN_LABELS) :], IDENTITY, strict=True):
        # A run that lacks the label has the empty value.
        variable.regex(f'/^(?:.*{name}=")?([^"{{]*)/').hide(model.VariableHide.HIDE_VARIABLE)
    return variables


def many_runs() -> list[dashboard.QueryVariable]:
    """Where runs are and whose they are, which models, and which runs: all of them to begin with."""
    chosen: list[str] = []
    variables = []
    for name in (*IDENTITY, "model"):
        query = f"label_values({_start(*chosen, equals='=~')}, {name})"
        says = f"{name.capitalize()}s with runs in the time range"
        variables.append(_query(name, name.capitalize(), says, query).include_all(True))
        # A run may lack a label of identity.
        variables[-1].all_value(ANYTHING if name in RUN_LABELS else ANYTHING_OR_NOTHING)
        chosen.append(name)
    for variable in variables[_SHOWN : len(IDENTITY)]:
        variable.hide(model.VariableHide.HIDE_VARIABLE)
    says = "Runs of the chosen models in the time range, the newest first"
    runs = ranked("run", "Run", says, _started("run", *chosen, equals="=~"), "run").multi(True)
    return [*variables, runs.include_all(True).all_value(ANYTHING)]


def _started(by: str, *chosen: str, equals: str) -> str:
    """When the last run with each value of a label began, of those that the variables before it choose."""
    return f"max by ({by}) (last_over_time({_start(*chosen, equals=equals)}[$__range]))"


def _start(*chosen: str, equals: str) -> str:
    """Selector that variables may use: it names those before them alone."""
    matchers = ", ".join(f'{label}{equals}"${label}"' for label in chosen)
    return f"model_run_start_timestamp_seconds{{{matchers}}}"


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
