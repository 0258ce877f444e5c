"""What becomes of the VIPs of these nodes when something breaks?"""
