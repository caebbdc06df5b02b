import os, sys
from math import *
def F( x ):
  l = []
  try:
    for i in range(len(x)): l = l + [ sqrt(x[i]) ]
  except: pass
  return l
