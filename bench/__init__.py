"""Measures imgsvc against other encoders and services, on any folder of pictures; not part of what is shipped."""
