"""The dialect of Bybit V5, linear contracts: names, types and codes as its documentation has them."""
