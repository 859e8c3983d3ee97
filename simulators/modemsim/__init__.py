"""modemsim: GSM modems made of software, on ptys and TCP ports, with one virtual network."""
