"""Units of Grafana, by what they measure here."""

#: A bare number: a loss, a norm, a distance.
NUMBER = "none"

#: A count, shortened when it is long (12.3 K).
COUNT = "short"

#: A share of 1, shown in percent.
SHARE = "percentunit"

SECONDS = "s"

#: A duration that may be days long (1 d 4 h).
DURATION = "dtdurations"

#: A moment, given in milliseconds, as the time since then.
SINCE = "dateTimeFromNow"

STEPS_PER_SECOND = "suffix: steps/s"

SAMPLES_PER_SECOND = "suffix: samples/s"

#: Text and names: nothing to convert.
TEXT = "string"
