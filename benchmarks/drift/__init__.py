"""How often drift statistics and detectors raise an alarm where nothing changed, and how soon where something did."""
