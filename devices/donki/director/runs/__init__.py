"""The runs of a Director: checked, begun, continued, steered and ended, and what is said of them."""
