"""Workers on a Ray cluster. Ray is an extra, and is imported where a run asks for it."""

from torchesegeta.execute.cluster.cluster import RayCluster

__all__ = ["RayCluster"]
