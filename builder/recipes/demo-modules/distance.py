import math


def distance(x, y):
    return math.sqrt(x ** 2 + y ** 2)
