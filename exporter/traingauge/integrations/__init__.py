"""Frameworks, one integration each; a framework is imported when its integration is asked for, never before."""
