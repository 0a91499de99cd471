"""What the shipped alert rules say in ordinary life, and whether they report every death once.

A situation is a small script: training processes that live in simulated time, on a clock that is moved by hand, and a
Prometheus that scrapes them, finds them, loses them or is away itself. Small networks really train and publish through the
real exporter; where no small network stands for a loop, such as a GAN's, its loss is drawn around a curve. What is scraped
is replayed through the shipped rules, inhibition and routes, as in :mod:`benchmarks.alerts`, with scrapes every 15 and every
60 seconds, and evaluations every 30 and every 60.

**What is simulated is the life of a process**, not the process: a kill, an eviction or a SIGTERM is what Prometheus sees of
one. How long an end waits for its scrape is the exporter's own answer, from the scrapes that the process has seen.

**While Prometheus is away**, nothing is scraped and no rule may be evaluated, but promtool always evaluates. Each expression
is therefore given ``and on () prometheus_awake == 1``. So an alert that was firing ends, and one that was pending begins its
wait again, as after a restart. What promtool cannot show is the state that a sleeping server keeps in memory.

**What is sent** is one notification for each time that an alert begins to fire, unmuted, and not for the dashboard alone.
Alertmanager would group those of one run.
"""
