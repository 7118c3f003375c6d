"""What a running istiod and its proxies say of themselves: which update was acknowledged, and which refused."""
