"""What Istio gets: pure functions from the graph to objects, one file per concern, named as its spec."""
