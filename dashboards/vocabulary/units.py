"""Units of Grafana, by what they measure here."""

#: A bare number: a loss, a norm, a distance.
NUMBER = "none"

#: A number over several orders of magnitude (1.2e-4).
SCIENTIFIC = "sci"

#: A count, in full however long it is (1,560): steps and samples are compared and looked up.
COUNT = "locale"

#: A share of 1, shown in percent.
SHARE = "percentunit"

SECONDS = "s"

#: A duration that is usually minutes long, given in minutes: an axis has round numbers of what it is given.
MINUTES = "m"

#: A duration that may be days long (1 d 4 h).
DURATION = "dtdurations"

#: A moment, given in milliseconds, as the time since then.
SINCE = "dateTimeFromNow"

WATTS = "watt"

STEPS_PER_SECOND = "suffix:steps/s"

SAMPLES_PER_SECOND = "suffix:samples/s"

#: Text and names: nothing to convert.
TEXT = "string"
