"""DeepLIFT's multipliers for each kind of operation: what turns Δoutput's share into Δinput's, exactly."""
