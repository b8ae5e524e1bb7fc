"""What is made from a few numbers: a beam, a bank of pixels, the peaks of a powder, a ramp."""
