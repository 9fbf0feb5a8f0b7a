"""Why a node is at risk, and since when, as text; how likely it is to fail is serving/scoring."""
