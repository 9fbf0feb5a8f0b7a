# %% [markdown]
# # Nodeward in a notebook
#
# `import nodeward as nw` has the steps from ingest to decide, backtests and explanations, with pandas frames in and
# out. Times are UTC.
#
# This notebook simulates a fleet, so that it runs anywhere; a result on it says nothing about your cluster. For your
# own, open your settings file, `fleet = nw.open_fleet("nodeward.toml")`, or a folder of Parquet or CSV files.

# %%
from tempfile import mkdtemp

import pandas as pd

import nodeward as nw

folder = mkdtemp(prefix="nodeward-")
simulated = nw.simulate(f"{folder}/simulated", nodes=200, days=150, seed=7)
simulated.source.path

# %% [markdown]
# Settings can be overridden, as with `--set` on the command line. Here a failure costs the work of 300 node-hours, and
# a quick model is enough.

# %%
fleet = nw.open_fleet(
    f"{folder}/simulated/nodeward.toml", "policy.failure_cost_node_hours=300", "model.seeds=1", "model.folds=2"
)

# %% [markdown]
# ## Ingest
#
# Rows that can't be used go to quarantine and are counted. An ingest can be repeated: what is in the state already
# changes nothing.

# %%
ingested = nw.ingest(fleet)
ingested

# %% [markdown]
# ## Features as known at a time
#
# A row for each node that was at risk. Nothing that was recorded later is in them.

# %%
features = nw.features(fleet, "2025-05-01")
features.iloc[:5, :4]

# %%
descriptions = nw.describe_features(fleet, "2025-05-01")
descriptions.query("metric == 'failures'")

# %% [markdown]
# ## Would it have worked?
#
# A backtest trains on what was known at the start and judges forecasts of the time after it, next to simple baselines.
# It works in a private folder: the state does not change. `low` and `high` bound the 95% interval.

# %%
backtest = nw.backtest(fleet, "2025-04-20")
figures = nw.figures(backtest)
caught = figures.query("measure == 'caught_share' and alarms_per_node_day == 0.005")
caught.pivot_table(index="model", columns="horizon_hours", values="value")

# %%
probabilities = nw.probabilities(backtest)
probabilities.pivot_table(index="model", columns="horizon_hours", values="probability", aggfunc="mean")

# %% [markdown]
# ## Train, score, explain, decide
#
# The first model is the champion at once; later ones are challengers until `nw.promote(fleet)`.

# %%
trained = nw.train(fleet)
pd.Series(trained.metrics, name=f"version {trained.version}: {trained.support}")

# %%
scores = nw.score(fleet)
scores.head()

# %%
riskiest = scores.index[0]
reasons = nw.explain(fleet, riskiest)
reasons[["rank", "text", "odds"]]

# %% [markdown]
# `decide` lists the nodes for which a drain would pay, and what a limit or a doubt holds back. No node is touched.

# %%
decisions = nw.decide(fleet)
decisions

# %% [markdown]
# ## Records from frames
#
# Records that you have as frames become a folder that `open_fleet` opens. Nodes and events are needed; telemetry has a
# row for each node and time, and a column for each metric. The README lists the columns.

# %%
nodes = pd.DataFrame({"node": ["n1", "n2"], "observed_from": pd.Timestamp("2025-01-01", tz="UTC")})
events = pd.DataFrame(
    {
        "node": ["n1"],
        "start": [pd.Timestamp("2025-02-03 04:00", tz="UTC")],
        "end": [pd.Timestamp("2025-02-03 09:30", tz="UTC")],
        "kind": ["failure"],
    }
)
from_frames = nw.open_fleet(nw.write_records(f"{folder}/frames", nodes=nodes, events=events), "clock.now=data")
nw.ingest(from_frames)
two_nodes = nw.features(from_frames)
two_nodes.T
