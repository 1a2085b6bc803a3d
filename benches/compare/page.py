import statistics
def _series(title, series):
    print(title)
    for k,s in series.items():
        if s: print(f"   {k:26s} med {statistics.median(x[0] for x in s)*1000:8.1f} ms [{min(x[0] for x in s)*1000:8.1f} .. {max(x[0] for x in s)*1000:8.1f}]  cpu {statistics.median(x[1] for x in s)*1000:8.1f} min {min(x[1] for x in s)*1000:8.1f}")
def summary(found):
    for c,v in found.items():
        m=v['measured']; print(c, v['load'])
        if 'series' in m: _series(str(m['facts']), m['series'])
        else:
            for k,x in m.items():
                if isinstance(x,dict) and 'series' in x: _series(k+str(x['facts']), x['series'])
                else: print('  ',k,x)
    return ""
def render(found, work):
    return ""
