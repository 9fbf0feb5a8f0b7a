"""Why a node is at risk, since when, in words; how likely it fails is serving/scoring."""
