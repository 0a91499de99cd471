"""The dashboards as Grafana gets them: the committed files, one at a time."""

import json

import pytest

from dashboards.reading import Json
from dashboards.render import RENDERED

FILES = sorted(RENDERED.glob("*.json"))


@pytest.fixture(params=FILES, ids=[path.stem for path in FILES])
def dashboard(request: pytest.FixtureRequest) -> Json:
    return json.loads(request.param.read_text())
