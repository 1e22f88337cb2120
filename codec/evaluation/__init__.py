"""How good our sound is: metrics and other codecs on the same clips, the report with pictures, listening tests."""
